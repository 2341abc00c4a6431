package web

import (
	"maps"
	"net/http"

	"postern/shared/access"
)

// rowProblem says what is wrong with one row of an imported file.
type rowProblem struct {
	Row     int    `json:"row"`
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// imported answers an import with its report. more stands beside it in the JSON; data is what the page shows besides.
func (q *request) imported(r access.ImportReport, more map[string]any, pageName string, data map[string]any) reply {
	problems := []rowProblem{}
	for _, e := range r.Errors {
		text := q.text.Text("field."+e.Code, e.Params)
		problems = append(problems, rowProblem{e.Row, e.Field, e.Code, text})
	}
	said := map[string]any{"rows": r.Rows, "created": r.Created, "unchanged": r.Unchanged, "errors": problems}
	maps.Copy(said, more)
	shown := map[string]any{"Report": r, "Problems": problems}
	maps.Copy(shown, data)
	return reply{status: http.StatusOK, json: said, page: page{name: pageName, data: shown}}
}
