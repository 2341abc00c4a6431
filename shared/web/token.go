package web

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"postern/shared/access"
	"postern/shared/secret"
	"postern/shared/totp"
	"postern/shared/totp/pskc"
)

const maxSerial = 256 // bytes; what is right is for the use cases to say

// serialField names a hardware token.
var serialField = Field{Name: "serial", Type: Text, Required: true, Max: maxSerial}

// tokenRoutes gives the routes about hardware tokens that /manage and /admin/accounts/{accountId} have in common, under at.
func tokenRoutes(at string) []Route {
	return []Route{
		{Method: http.MethodGet, Pattern: at + "/tokens", handle: listTokens, Query: append([]Field{
			{Name: "after", Type: Text, OneOf: afterTokens, Max: 32},
		}, pageQuery...)},
		{Method: http.MethodPost, Pattern: at + "/tokens", handle: createToken, form: newTokenForm, Body: []Field{
			serialField,
			{Name: "secret", Type: Secret, Required: true, Max: maxSerial},
			{Name: "encoding", Type: Text, Required: true, OneOf: tokenEncodings, Max: 32},
			{Name: "digits", Type: Int, Low: 6, High: 8},
			{Name: "period", Type: Int, Low: 30, High: 60},
			{Name: "algorithm", Type: Text, OneOf: access.TokenAlgorithms(), Max: 32},
		}},
		{Method: http.MethodPost, Pattern: at + "/tokens/import", handle: importTokens, form: importTokensForm,
			Upload: &Upload{Types: []string{access.TypeCSV, access.TypePSKC}}, Query: []Field{{Name: "dryRun", Type: Bool}},
			Body: []Field{{Name: "dryRun", Type: Bool}, {Name: "key", Type: Secret, Max: maxPSKCKey}}},
		{Method: http.MethodDelete, Pattern: at + "/tokens/{serial}", handle: deleteToken, form: deleteTokenForm},
		{Method: http.MethodPut, Pattern: at + "/operators/{operatorId}/totp", handle: assignToken, form: assignTokenForm,
			Body: []Field{serialField, {Name: "code", Type: Secret, Max: maxCode}}},
	}
}

// tokenPages gives the pages about them that are forms alone.
func tokenPages(at string) []Route {
	return []Route{
		{Method: http.MethodGet, Pattern: at + "/tokens/new", handle: showForm(newTokenForm)},
		{Method: http.MethodGet, Pattern: at + "/tokens/import", handle: showForm(importTokensForm)},
		{Method: http.MethodGet, Pattern: at + "/tokens/{serial}/delete", handle: showForm(deleteTokenForm)},
		{Method: http.MethodGet, Pattern: at + "/operators/{operatorId}/totp", handle: showForm(assignTokenForm)},
	}
}

var (
	tokenEncodings = []string{totp.EncodingHex, totp.EncodingBase32}
	afterTokens    = []string{"token_deleted"}
)

func listTokens(q *request) (reply, error) {
	found, err := q.s.Service.ListTokens(q.Context(), q.accountID, q.query.int("limit"), q.query.text("cursor"))
	if err != nil {
		return reply{}, err
	}
	l := list[access.TokenView]{Items: found.Items, Next: found.Next}
	r := reply{json: l.orEmpty()}
	if q.html {
		var names map[string]string
		names, err = q.holders(found.Items...)
		r.page = page{name: "manage_tokens", data: map[string]any{"List": l, "Names": names, "After": q.query.text("after")}}
	}
	return r, err
}

// holders gives the usernames of those who hold tokens, by operatorId, for people to read.
func (q *request) holders(tokens ...access.TokenView) (map[string]string, error) {
	var ids []string
	for _, t := range tokens {
		ids = append(ids, t.AssignedTo)
	}
	return q.s.Service.Usernames(q.Context(), q.accountID, ids)
}

func newTokenForm(*request) (page, error) {
	return page{name: "manage_token_new", data: map[string]any{
		"Encodings": tokenEncodings, "Digits": []string{"6", "7", "8"}, "Periods": []string{"60", "30"}, "Algorithms": access.TokenAlgorithms(),
	}}, nil
}

func createToken(q *request) (reply, error) {
	made, err := q.s.Service.CreateToken(q.Context(), q.actor, q.accountID, access.CreateToken{
		Serial: q.body.text("serial"), Secret: q.body.secret("secret"), Encoding: q.body.text("encoding"),
		Digits: q.body.int("digits"), Period: q.body.int("period"), Algorithm: q.body.text("algorithm"),
	})
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, json: made, page: page{name: "manage_token_created", data: map[string]any{"Token": made}}}, nil
}

func importTokensForm(*request) (page, error) { return page{name: "manage_tokens_import"}, nil }

func importTokens(q *request) (reply, error) {
	key, err := q.pskcKey()
	if err != nil {
		return reply{}, err
	}
	ctx, cancel := context.WithTimeout(q.Context(), ImportTime)
	defer cancel()
	c := access.ImportTokens{
		Content: q.file.Content, Type: q.file.Type, Key: key, DryRun: q.query.bool("dryRun") || q.body.bool("dryRun"),
	}
	report, err := q.s.Service.ImportTokens(ctx, q.actor, q.accountID, c)
	if err != nil {
		return reply{}, err
	}
	return q.imported(report, nil, "manage_tokens_imported", map[string]any{"DryRun": c.DryRun}), nil
}

// maxPSKCKey is how long the key or passphrase of a file may be, in bytes.
const maxPSKCKey = 1024

// pskcKey gives the key of an encrypted file. The header X-Pskc-Key is always hex: of the key itself, or of the passphrase's UTF-8, as
// the file needs it. In a form people type the passphrase as it is, or the key in hex.
func (q *request) pskcKey() (pskc.Key, error) {
	typed := q.body.secret("key")
	sent := q.Header.Values("X-Pskc-Key")
	switch {
	case len(sent) > 1 || len(sent) == 1 && !typed.Empty():
		return pskc.Key{}, inputError(fieldError("key", "duplicate"))
	case len(sent) == 0:
		raw, ok := unhex(secret.New(strings.ReplaceAll(typed.Reveal(), " ", "")))
		if !ok {
			raw = nil // it can be a passphrase alone
		}
		return pskc.Key{PreShared: raw, Passphrase: totp.Secret(typed.Reveal())}, nil
	case len(sent[0]) > 2*maxPSKCKey:
		return pskc.Key{}, inputError(fieldError("key", "pskc_key_length"))
	}
	raw, ok := unhex(secret.New(sent[0]))
	if !ok || len(raw) == 0 {
		return pskc.Key{}, inputError(fieldError("key", "not_hex"))
	}
	return pskc.Key{PreShared: raw, Passphrase: raw}, nil
}

func unhex(s secret.Text) (totp.Secret, bool) {
	raw, err := hex.DecodeString(s.Reveal())
	return raw, err == nil
}

func deleteTokenForm(q *request) (page, error) {
	t, err := q.s.Service.GetToken(q.Context(), q.accountID, q.PathValue("serial"))
	if err != nil {
		return page{}, err
	}
	names, err := q.holders(t)
	return page{name: "manage_token_delete", data: map[string]any{"Token": t, "Names": names}}, err
}

func deleteToken(q *request) (reply, error) {
	if err := q.s.Service.DeleteToken(q.Context(), q.actor, q.accountID, q.PathValue("serial")); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent, next: "/manage/tokens?after=token_deleted"}, nil
}

func assignTokenForm(q *request) (page, error) { return q.operatorPage("manage_token_assign") }

func assignToken(q *request) (reply, error) {
	o, err := q.s.Service.AssignToken(q.Context(), q.actor, q.accountID, q.PathValue("operatorId"), access.AssignToken{
		Serial: q.body.text("serial"), Code: q.body.secret("code"),
	})
	if err != nil {
		return reply{}, err
	}
	return reply{json: o, next: "/manage/operators/" + url.PathEscape(o.OperatorID) + "?after=token_assigned"}, nil
}
