package web

import (
	"net/http"

	"postern/shared/access"
)

// Admin is what administrators' programs do in any account that their IAM policy allows. JSON only.
func Admin() Function {
	routes := administration("/admin/accounts/{accountId}")
	routes = append(routes, accounts("/admin/accounts")...)
	for i := range routes {
		routes[i].Who, routes[i].form = IAM, nil
	}
	return Function{"admin", routes}
}

// accounts gives the routes about accounts themselves, under at.
func accounts(at string) []Route {
	accountStates := []string{string(access.AccountActive), string(access.AccountSuspended)}
	return []Route{
		{Method: http.MethodGet, Pattern: at, handle: listAccounts, Query: pageQuery},
		{Method: http.MethodPost, Pattern: at, handle: createAccount, Body: []Field{
			accountIDField,
			{Name: "name", Type: Text, Max: maxName},
			{Name: "state", Type: Text, OneOf: accountStates, Max: 32},
			{Name: "administrator.username", Type: Text, Max: maxName},
			{Name: "administrator.email", Type: Text, Max: maxLogin},
			{Name: "administrator.firstName", Type: Text, Max: maxName},
			{Name: "administrator.lastName", Type: Text, Max: maxName},
		}},
		{Method: http.MethodGet, Pattern: at + "/{accountId}", handle: getAccount},
		{Method: http.MethodPatch, Pattern: at + "/{accountId}", handle: updateAccount, Body: []Field{
			{Name: "name", Type: Text, Max: maxName},
			{Name: "state", Type: Text, OneOf: accountStates, Max: 32},
		}},
	}
}

func listAccounts(q *request) (reply, error) {
	found, err := q.s.Service.ListAccounts(q.Context(), q.query.int("limit"), q.query.text("cursor"))
	if err != nil {
		return reply{}, err
	}
	return reply{json: found}, nil
}

func createAccount(q *request) (reply, error) {
	c := access.CreateAccount{
		AccountID: q.account(), Name: q.body.text("name"), State: access.AccountState(q.body.text("state")),
	}
	first := access.CreateOperator{
		Username: q.body.text("administrator.username"), Email: q.body.text("administrator.email"),
		FirstName: q.body.text("administrator.firstName"), LastName: q.body.text("administrator.lastName"),
	}
	if first != (access.CreateOperator{}) {
		c.Administrator = &first
	}
	made, err := q.s.Service.CreateAccount(q.Context(), q.actor, c)
	if err != nil {
		return reply{}, err
	}
	said := map[string]any{"account": made.Account}
	if made.Operator != nil {
		said["operator"] = made.Operator
		said["temporaryPassword"] = made.TemporaryPassword.Reveal()
		said["temporaryPasswordExpiresAt"] = made.ExpiresAt
	}
	return reply{status: http.StatusCreated, json: said}, nil
}

func getAccount(q *request) (reply, error) {
	a, err := q.s.Service.GetAccount(q.Context(), q.accountID)
	if err != nil {
		return reply{}, err
	}
	return reply{json: a}, nil
}

func updateAccount(q *request) (reply, error) {
	c := access.UpdateAccount{Name: q.body.optional("name"), State: (*access.AccountState)(q.body.optional("state"))}
	a, err := q.s.Service.UpdateAccount(q.Context(), q.actor, q.accountID, c)
	if err != nil {
		return reply{}, err
	}
	return reply{json: a}, nil
}
