package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/shared/access"
)

// ImportTime is how long an import may take once its file is there, where nothing else ends a request before: on one machine. Functions
// on AWS have 29 seconds.
const ImportTime = 45 * time.Second

// importRoutes gives the routes of the import and the export of operators, under at.
func importRoutes(at string) []Route {
	return []Route{
		{Method: http.MethodPost, Pattern: at + "/operators/import", handle: importOperators, form: importOperatorsForm,
			Upload: &Upload{Types: []string{"text/csv"}}, Query: []Field{{Name: "dryRun", Type: Bool}},
			Body: []Field{{Name: "dryRun", Type: Bool}, {Name: "idempotencyKey", Type: Text, Max: maxImportKey}}},
		{Method: http.MethodGet, Pattern: at + "/operators/export", handle: exportOperators, Query: append([]Field{{Name: "cursor", Type: Text, Max: maxCursor}}, operatorFilters...)},
	}
}

// maxImportKey is how long the key of an import may be, in characters.
const maxImportKey = 128

// importOperatorsForm shows the form with a key of its own: whoever sends it twice, or loads its answer again, is answered as the first
// time.
func importOperatorsForm(*request) (page, error) {
	return page{name: "manage_operators_import", data: map[string]any{"Key": rand.Text()}}, nil
}

func importOperators(q *request) (reply, error) {
	key, err := q.importKey()
	if err != nil {
		return reply{}, err
	}
	ctx, cancel := context.WithTimeout(q.Context(), ImportTime)
	defer cancel()
	dryRun := q.query.bool("dryRun") || q.body.bool("dryRun")
	done, err := q.s.Service.ImportOperators(ctx, q.actor, q.accountID, access.ImportOperators{File: q.file.Content, Key: key, DryRun: dryRun})
	if err != nil {
		return reply{}, err
	}
	passwords := []importedPassword{}
	for _, p := range done.TemporaryPasswords {
		passwords = append(passwords, importedPassword{p.Username, p.Password.Reveal()})
	}
	more := map[string]any{"unchangedRows": append([]int{}, done.UnchangedRows...)}
	if !dryRun {
		more["temporaryPasswords"] = passwords
	}
	return q.imported(done.ImportReport, more, "manage_operators_imported", map[string]any{"DryRun": dryRun, "Passwords": passwords}), nil
}

// importedPassword is shown this once.
type importedPassword struct {
	Username string `json:"username"`
	Password string `json:"temporaryPassword"`
}

// importKey gives the key that a client chose for its import, in the header Idempotency-Key or in the form; "" if there is none.
func (q *request) importKey() (string, error) {
	key := q.body.text("idempotencyKey")
	if sent := q.Header.Values("Idempotency-Key"); len(sent) > 0 {
		if key = strings.Join(sent, ", "); key == "" {
			return "", inputError(fieldError("idempotencyKey", "missing"))
		}
	}
	if len(key) > maxImportKey {
		return "", inputError(access.FieldError{Field: "idempotencyKey", Code: "too_long", Params: map[string]string{"max": "128"}})
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", inputError(fieldError("idempotencyKey", "not_printable"))
	}
	return key, nil
}

// exportOperators answers with operators as CSV, in parts as exportNotices does.
func exportOperators(q *request) (reply, error) {
	part, err := q.s.Service.ExportOperators(q.Context(), q.accountID, q.listOperators())
	if err != nil {
		return reply{}, err
	}
	return q.export("operators", part.CSV, part.Next), nil
}

// export answers with a part of a CSV file. The header Link names the next (RFC 8288), with the same filters.
func (q *request) export(name string, csv []byte, next string) reply {
	r := reply{raw: csv, header: http.Header{
		"Content-Type":        {"text/csv; charset=utf-8"},
		"Content-Disposition": {`attachment; filename="` + name + `-` + q.accountID + `.csv"`},
	}}
	if next != "" {
		query := url.Values{"cursor": {next}}
		for filter, v := range q.query.typed {
			if filter != "cursor" && v != "" {
				query.Set(filter, v)
			}
		}
		r.header.Set("Link", "<"+q.s.location(q.URL.EscapedPath()+"?"+query.Encode())+`>; rel="next"`)
	}
	return r
}
