package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"postern/shared/access"
	"postern/shared/secret"
)

// Manage is what administrators do in their own account, on pages and in JSON.
func Manage() Function {
	const at = "/manage"
	routes := []Route{
		{Method: http.MethodGet, Pattern: at, handle: manageHome},
		{Method: http.MethodGet, Pattern: at + "/operators/new", handle: showForm(newOperatorForm)},
		{Method: http.MethodGet, Pattern: at + "/operators/import", handle: showForm(importOperatorsForm)},
		{Method: http.MethodGet, Pattern: at + "/operators/{operatorId}/password-reset", handle: showForm(resetPasswordForm)},
		{Method: http.MethodGet, Pattern: at + "/operators/{operatorId}/totp/delete", handle: showForm(disableTOTPForm)},
		{Method: http.MethodGet, Pattern: at + "/operators/{operatorId}/delete", handle: showForm(deleteOperatorForm)},
		{Method: http.MethodGet, Pattern: at + "/policy/preview", handle: showForm(policyForm)}, // for who comes back to it by its address
	}
	routes = append(routes, tokenPages(at)...)
	for _, r := range administration(at) {
		routes = append(routes, r)
		// Forms cannot send these: POST stands for them.
		switch r.Method {
		case http.MethodPut, http.MethodPatch:
			r.Method = http.MethodPost
			routes = append(routes, r)
		case http.MethodDelete:
			r.Method, r.Pattern = http.MethodPost, r.Pattern+"/delete"
			routes = append(routes, r)
		}
	}
	for i := range routes {
		routes[i].Who, routes[i].Page = Administrator, true
	}
	return Function{"manage", routes}
}

// administration gives the routes that /manage and /admin/accounts/{accountId} have in common, under at.
func administration(at string) []Route {
	operator := at + "/operators/{operatorId}"
	policyQuery := []Field{{Name: "enforce", Type: Text, OneOf: []string{"next_login"}, Max: 32}}
	// Not slices.Concat: its type parameter lets the linker believe that templates may reach a Route, and from there every use case.
	return append(append(importRoutes(at), tokenRoutes(at)...), []Route{
		{Method: http.MethodGet, Pattern: at + "/operators", handle: listOperators, Query: operatorsQuery},
		{Method: http.MethodPost, Pattern: at + "/operators", handle: createOperator, form: newOperatorForm, Body: []Field{
			{Name: "username", Type: Text, Required: true, Max: maxName},
			{Name: "email", Type: Text, Required: true, Max: maxLogin},
			{Name: "firstName", Type: Text, Required: true, Max: maxName},
			{Name: "lastName", Type: Text, Required: true, Max: maxName},
			{Name: "role", Type: Text, Required: true, OneOf: roles, Max: 32},
			{Name: "deliver", Type: Text, OneOf: []string{"display", "email"}, Max: 32},
		}},
		{Method: http.MethodGet, Pattern: operator, handle: getOperator,
			Query: []Field{{Name: "after", Type: Text, OneOf: afterOperator, Max: 32}}},
		{Method: http.MethodPatch, Pattern: operator, handle: updateOperator, form: operatorForm, Body: []Field{
			{Name: "email", Type: Text, Max: maxLogin},
			{Name: "firstName", Type: Text, Max: maxName},
			{Name: "lastName", Type: Text, Max: maxName},
			{Name: "username", Type: Text, Max: maxName},
			{Name: "role", Type: Text, OneOf: roles, Max: 32},
			{Name: "state", Type: Text, OneOf: states, Max: 32},
		}},
		{Method: http.MethodDelete, Pattern: operator, handle: deleteOperator, form: deleteOperatorForm},
		{Method: http.MethodGet, Pattern: operator + "/sessions", handle: listOperatorSessions, Query: append([]Field{
			{Name: "after", Type: Text, OneOf: afterSessions, Max: 32},
		}, pageQuery...)},
		{Method: http.MethodDelete, Pattern: operator + "/sessions", handle: endOperatorSessions},
		{Method: http.MethodPost, Pattern: operator + "/password-reset", handle: resetOperatorPassword, form: resetPasswordForm},
		{Method: http.MethodDelete, Pattern: operator + "/totp", handle: disableTOTP, form: disableTOTPForm,
			Body: []Field{{Name: "reason", Type: Text, Max: 1000}}},
		{Method: http.MethodGet, Pattern: at + "/policy", handle: getPolicy, Query: []Field{
			{Name: "preset", Type: Text, OneOf: presetNames(), Max: 64},
			{Name: "after", Type: Text, OneOf: afterSaved, Max: 32},
		}},
		{Method: http.MethodPut, Pattern: at + "/policy", handle: setPolicy, form: policyForm,
			Query: policyQuery, Body: policyFields},
		{Method: http.MethodPost, Pattern: at + "/policy/preview", handle: previewPolicy, form: policyForm,
			Query: append([]Field{{Name: "cursor", Type: Text, Max: maxCursor}}, policyQuery...), Body: policyFields},
		{Method: http.MethodGet, Pattern: at + "/policy/presets", handle: policyPresets},
		{Method: http.MethodGet, Pattern: at + "/settings", handle: getSettings,
			Query: []Field{{Name: "after", Type: Text, OneOf: afterSaved, Max: 32}}},
		{Method: http.MethodPut, Pattern: at + "/settings", handle: setSettings, form: settingsForm, Body: []Field{
			{Name: "name", Type: Text, Required: true, Max: maxName},
			{Name: "supportContact", Type: Text, Required: true, Blank: true, Max: 1000},
			{Name: "language", Type: Text, Required: true, Max: 35},
			{Name: "mailFromName", Type: Text, Required: true, Blank: true, Max: maxName},
		}},
		{Method: http.MethodGet, Pattern: at + "/notices", handle: listNotices, Query: append([]Field{
			{Name: "type", Type: Text, Max: 64}, {Name: "operatorId", Type: Text, Max: maxID},
			{Name: "from", Type: Time}, {Name: "to", Type: Time}, {Name: "query", Type: Text, Max: maxQuery},
		}, pageQuery...)},
		{Method: http.MethodGet, Pattern: at + "/mail", handle: listMail, Query: append([]Field{
			{Name: "status", Type: Text, Max: 32}, {Name: "after", Type: Text, OneOf: afterMail, Max: 32},
		}, pageQuery...)},
		{Method: http.MethodPost, Pattern: at + "/mail/{mailId}/retry", handle: retryMail},
		{Method: http.MethodGet, Pattern: at + "/notices/verify", handle: verifyNotices},
		{Method: http.MethodGet, Pattern: at + "/notices/export", handle: exportNotices,
			Query: []Field{{Name: "cursor", Type: Text, Max: maxCursor}}},
	}...)
}

var (
	roles         = []string{string(access.RoleOperator), string(access.RoleAdministrator)}
	states        = []string{string(access.StateActive), string(access.StateDisabled)}
	totpStates    = []string{"enabled", "disabled", "blocked"}
	passwordKinds = []string{string(access.PasswordPermanent), string(access.PasswordTemporary), string(access.PasswordNone)}
	afterOperator = []string{"updated", "totp_disabled", "token_assigned"}
	afterSaved    = []string{"saved"}
	afterSessions = []string{"sessions_ended"}
	afterList     = []string{"operator_deleted"}
	afterMail     = []string{"mail_retried"}
)

func manageHome(q *request) (reply, error) {
	settings, err := q.s.Service.Settings(q.Context(), q.accountID)
	if err != nil {
		return reply{}, err
	}
	return reply{page: page{name: "manage", data: map[string]any{"Settings": settings}}}, nil
}

// ---- operators

// operatorFilters are the filters of the list and of the export, whose link on the page keeps them.
var operatorFilters = []Field{
	{Name: "query", Type: Text, Max: maxQuery},
	{Name: "role", Type: Text, OneOf: roles, Max: 32},
	{Name: "state", Type: Text, OneOf: states, Max: 32},
	{Name: "totp", Type: Text, OneOf: totpStates, Max: 32},
	{Name: "passwordKind", Type: Text, OneOf: passwordKinds, Max: 32},
}

var operatorsQuery = append(append([]Field{{Name: "after", Type: Text, OneOf: afterList, Max: 32}}, operatorFilters...), pageQuery...)

func listOperators(q *request) (reply, error) {
	found, err := q.s.Service.ListOperators(q.Context(), q.accountID, q.listOperators())
	if err != nil {
		return reply{}, err
	}
	l := list[access.OperatorView]{Items: found.Items, Next: found.Next}
	return reply{json: l.orEmpty(), page: page{name: "manage_operators", data: map[string]any{
		"List": l, "Roles": roles, "States": states, "TOTPStates": totpStates, "PasswordKinds": passwordKinds,
		"After": q.query.text("after"),
	}}}, nil
}

// listOperators is what the query asks of the operators.
func (q *request) listOperators() access.ListOperators {
	return access.ListOperators{
		Query: q.query.text("query"), Role: q.query.text("role"), State: q.query.text("state"), TOTP: q.query.text("totp"),
		PasswordKind: q.query.text("passwordKind"), Limit: q.query.int("limit"), Cursor: q.query.text("cursor"),
	}
}

func newOperatorForm(*request) (page, error) {
	return page{name: "manage_operator_new", data: map[string]any{"Roles": roles}}, nil
}

func createOperator(q *request) (reply, error) {
	made, err := q.s.Service.CreateOperator(q.Context(), q.actor, q.accountID, access.CreateOperator{
		Username: q.body.text("username"), Email: q.body.text("email"), FirstName: q.body.text("firstName"),
		LastName: q.body.text("lastName"), Role: access.Role(q.body.text("role")), Deliver: q.body.text("deliver"),
	})
	if err != nil {
		return reply{}, err
	}
	said := map[string]any{"operator": made.Operator}
	if !made.TemporaryPassword.Empty() {
		said["temporaryPassword"] = made.TemporaryPassword.Reveal()
		said["temporaryPasswordExpiresAt"] = made.ExpiresAt
	}
	return reply{status: http.StatusCreated, json: said, page: page{
		name: "manage_operator_created",
		data: shownOnce(made.Operator, made.TemporaryPassword, made.ExpiresAt),
	}}, nil
}

// shownOnce is what the page shows that tells an administrator a temporary password.
func shownOnce(o access.OperatorView, p secret.Text, expires *time.Time) map[string]any {
	return map[string]any{"Operator": o, "Password": p.Reveal(), "ExpiresAt": expires}
}

func (q *request) operator() (access.OperatorView, error) {
	return q.s.Service.GetOperator(q.Context(), q.accountID, q.PathValue("operatorId"))
}

// operatorPage gives a page about the operator of the path.
func (q *request) operatorPage(name string) (page, error) {
	o, err := q.operator()
	return page{name: name, data: map[string]any{
		"Operator": o, "Roles": roles, "States": states, "After": q.query.text("after"),
		"Oneself": o.OperatorID == q.actor.OperatorID,
	}}, err
}

func operatorForm(q *request) (page, error) { return q.operatorPage("manage_operator") }

func getOperator(q *request) (reply, error) {
	p, err := operatorForm(q)
	if err != nil {
		return reply{}, err
	}
	return reply{json: p.data.(map[string]any)["Operator"], page: p}, nil
}

func updateOperator(q *request) (reply, error) {
	c := access.UpdateOperator{
		Username: q.body.optional("username"), Email: q.body.optional("email"),
		FirstName: q.body.optional("firstName"), LastName: q.body.optional("lastName"),
		Role: (*access.Role)(q.body.optional("role")), State: (*access.OperatorState)(q.body.optional("state")),
	}
	o, err := q.s.Service.UpdateOperator(q.Context(), q.actor, q.accountID, q.PathValue("operatorId"), c)
	if err != nil {
		return reply{}, err
	}
	return reply{json: o, next: "/manage/operators/" + url.PathEscape(o.OperatorID) + "?after=updated"}, nil
}

func resetPasswordForm(q *request) (page, error) { return q.operatorPage("manage_password_reset") }

func resetOperatorPassword(q *request) (reply, error) {
	t, err := q.s.Service.ResetOperatorPassword(q.Context(), q.actor, q.accountID, q.PathValue("operatorId"))
	if err != nil {
		return reply{}, err
	}
	r := reply{json: map[string]any{"temporaryPassword": t.Password.Reveal(), "expiresAt": t.ExpiresAt.UTC()}}
	if q.html {
		// What is shown once must be shown, also if the operator cannot be read now: then without the name.
		o, err := q.operator()
		if err != nil {
			q.s.Log.WarnContext(q.Context(), "password reset, name not read", "requestId", q.id, "error", err)
			o.OperatorID = q.PathValue("operatorId")
		}
		r.page = page{name: "manage_password_reset_done", data: shownOnce(o, t.Password, &t.ExpiresAt)}
	}
	return r, nil
}

func disableTOTPForm(q *request) (page, error) { return q.operatorPage("manage_totp_delete") }

func disableTOTP(q *request) (reply, error) {
	id := q.PathValue("operatorId")
	if err := q.s.Service.DisableTOTP(q.Context(), q.actor, q.accountID, id, q.body.text("reason")); err != nil {
		return reply{}, err
	}
	return reply{
		status: http.StatusNoContent, next: "/manage/operators/" + url.PathEscape(id) + "?after=totp_disabled",
	}, nil
}

func deleteOperatorForm(q *request) (page, error) { return q.operatorPage("manage_operator_delete") }

func deleteOperator(q *request) (reply, error) {
	if err := q.s.Service.DeleteOperator(q.Context(), q.actor, q.accountID, q.PathValue("operatorId")); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent, next: "/manage/operators?after=operator_deleted"}, nil
}

func listOperatorSessions(q *request) (reply, error) {
	items, next, err := q.s.Service.ListOperatorSessions(q.Context(), q.accountID, q.PathValue("operatorId"), q.query.int("limit"), q.query.text("cursor"))
	if err != nil {
		return reply{}, err
	}
	l := list[access.SessionInfo]{Items: items}
	if next != "" {
		l.Next = &next
	}
	o, err := q.operator()
	if err != nil {
		return reply{}, err
	}
	return reply{json: l.orEmpty(), page: page{name: "manage_operator_sessions", data: map[string]any{
		"Operator": o, "List": l, "After": q.query.text("after"),
	}}}, nil
}

func endOperatorSessions(q *request) (reply, error) {
	id := q.PathValue("operatorId")
	if err := q.s.Service.EndOperatorSessions(q.Context(), q.actor, q.accountID, id); err != nil {
		return reply{}, err
	}
	next := "/manage/operators/" + url.PathEscape(id) + "/sessions?after=sessions_ended"
	if id == q.actor.OperatorID {
		next = "/login" // one's own session was among them
	}
	return reply{status: http.StatusNoContent, next: next}, nil
}

// ---- policy

// policyFields is the whole policy (details 22). In a form, "enforce" stands for the query parameter of that name.
var policyFields = []Field{
	{Name: "minLength", Type: Int, Required: true},
	{Name: "maxLength", Type: Int, Required: true},
	{Name: "requireLower", Type: Bool, Required: true},
	{Name: "requireUpper", Type: Bool, Required: true},
	{Name: "requireDigit", Type: Bool, Required: true},
	{Name: "requireSymbol", Type: Bool, Required: true},
	{Name: "history", Type: Int, Required: true},
	{Name: "historyDays", Type: Int, Required: true},
	{Name: "maxAgeDays", Type: Int, Required: true},
	{Name: "warnDays", Type: Ints, Required: true},
	{Name: "minAgeHours", Type: Int, Required: true},
	{Name: "blocklist", Type: Bool, Required: true},
	{Name: "captcha", Type: Text, Required: true, Max: 64, OneOf: captchaModes},
	{Name: "totp", Type: Text, Required: true, Max: 64, OneOf: totpModes},
	{Name: "singleUseCode", Type: Bool, Required: true},
	{Name: "reset.delivery", Type: Text, Required: true, Max: 64, OneOf: resetDeliveries},
	{Name: "reset.minutes", Type: Int, Required: true},
	{Name: "newBrowserMail", Type: Bool, Required: true},
	{Name: "temporaryPasswordHours", Type: Int, Required: true},
	{Name: "sessionIdleMinutes", Type: Int, Required: true},
	{Name: "sessionHours", Type: Int, Required: true},
	{Name: "enforce", Type: Text, OneOf: []string{"next_login"}, Max: 32, FormOnly: true},
}

var (
	captchaModes = []string{string(access.CaptchaOff), string(access.CaptchaAfterFailures), string(access.CaptchaAlways)}
	totpModes    = []string{
		string(access.TOTPOptional), string(access.TOTPRequiredAdministrators), string(access.TOTPRequired),
	}
	resetDeliveries = []string{string(access.ResetByCode), string(access.ResetByTemporaryPassword)}
)

func presetNames() []string {
	var names []string
	for name := range access.PolicyPresets() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func policyForm(q *request) (page, error) {
	now, err := q.s.Service.Policy(q.Context(), q.accountID)
	if err != nil {
		return page{}, err
	}
	shown := now.Policy
	preset := q.query.text("preset")
	if preset != "" {
		shown = access.PolicyPresets()[preset]
	}
	return page{name: "manage_policy", data: map[string]any{
		"Policy": shown, "Version": now, "ETag": now.ETag, "Preset": preset, "Presets": presetNames(),
		"After": q.query.text("after"), "CaptchaModes": captchaModes, "TOTPModes": totpModes,
		"ResetDeliveries": resetDeliveries, "Partial": "",
	}}, nil
}

func getPolicy(q *request) (reply, error) {
	p, err := policyForm(q)
	if err != nil {
		return reply{}, err
	}
	r := versioned(p.data.(map[string]any)["Version"].(access.PolicyVersion))
	r.page = p
	return r, nil
}

// versioned answers with a policy and the ETag that a change of it has to show.
func versioned(p access.PolicyVersion) reply {
	if p.Policy.WarnDays == nil {
		p.Policy.WarnDays = []int{} // in JSON [], not null
	}
	return reply{json: p.Policy, header: http.Header{"Etag": {p.ETag}}}
}

func setPolicy(q *request) (reply, error) {
	c := q.setPolicy()
	if c.IfMatch == "" {
		return reply{}, inputError(fieldError("ifMatch", "missing"))
	}
	p, err := q.s.Service.SetPolicy(q.Context(), q.actor, q.accountID, c)
	if err != nil {
		return reply{}, err
	}
	r := versioned(p)
	r.next = "/manage/policy?after=saved"
	return r, nil
}

// setPolicy reads the change of policy that a request asks for, or asks about.
func (q *request) setPolicy() access.SetPolicy {
	v := q.body
	ifMatch := strings.Join(q.Header.Values("If-Match"), ", ")
	if ifMatch == "" {
		ifMatch = v.text("ifMatch")
	}
	return access.SetPolicy{
		IfMatch:          ifMatch,
		EnforceNextLogin: q.query.text("enforce") == "next_login" || v.text("enforce") == "next_login",
		Policy: access.Policy{
			MinLength: v.int("minLength"), MaxLength: v.int("maxLength"),
			RequireLower: v.bool("requireLower"), RequireUpper: v.bool("requireUpper"),
			RequireDigit: v.bool("requireDigit"), RequireSymbol: v.bool("requireSymbol"),
			History: v.int("history"), HistoryDays: v.int("historyDays"),
			MaxAgeDays: v.int("maxAgeDays"), WarnDays: v.ints("warnDays"), MinAgeHours: v.int("minAgeHours"),
			Blocklist: v.bool("blocklist"), Captcha: access.CaptchaMode(v.text("captcha")),
			TOTP: access.TOTPMode(v.text("totp")), SingleUseCode: v.bool("singleUseCode"),
			Reset: access.ResetPolicy{
				Delivery: access.ResetDelivery(v.text("reset.delivery")), Minutes: v.int("reset.minutes"),
			},
			NewBrowserMail: v.bool("newBrowserMail"), TemporaryPasswordHours: v.int("temporaryPasswordHours"),
			SessionIdleMinutes: v.int("sessionIdleMinutes"), SessionHours: v.int("sessionHours"),
		},
	}
}

// passwordRuleFields are those of the policy that say what a new password has to be.
var passwordRuleFields = []string{
	"minLength", "maxLength", "requireLower", "requireUpper", "requireDigit", "requireSymbol", "history", "historyDays", "blocklist",
}

// previewPolicy tells what a change of policy would mean. Its page has a button that makes the change as it is shown.
func previewPolicy(q *request) (reply, error) {
	c := access.PreviewPolicy{SetPolicy: q.setPolicy(), Cursor: q.query.text("cursor")}
	found, err := q.s.Service.PreviewPolicy(q.Context(), q.accountID, c)
	if err != nil || !q.html {
		return reply{json: found}, err
	}
	p, err := policyForm(q)
	if err != nil {
		return reply{}, err
	}
	data := p.data.(map[string]any)
	if c.IfMatch != "" {
		data["ETag"] = c.IfMatch
	}
	values, err := c.Policy.Fields()
	data["Policy"], data["Preview"], data["Values"], data["Enforce"] = c.Policy, found, values, c.EnforceNextLogin
	data["NewRules"] = slices.ContainsFunc(found.Changes, func(c access.PolicyChange) bool { return slices.Contains(passwordRuleFields, c.Field) })
	if found.Next != nil {
		data["Partial"] = "_partial" // of the texts that then say so
	}
	return reply{page: p}, err
}

func policyPresets(q *request) (reply, error) {
	presets := access.PolicyPresets()
	return reply{json: map[string]any{"presets": presets}, page: page{
		name: "manage_policy_presets", data: map[string]any{"Names": presetNames(), "Presets": presets},
	}}, nil
}

// ---- settings

func settingsForm(q *request) (page, error) {
	settings, err := q.s.Service.Settings(q.Context(), q.accountID)
	return page{name: "manage_settings", data: map[string]any{
		"Settings": settings, "Languages": access.Languages(), "After": q.query.text("after"),
	}}, err
}

func getSettings(q *request) (reply, error) {
	p, err := settingsForm(q)
	if err != nil {
		return reply{}, err
	}
	return reply{json: p.data.(map[string]any)["Settings"], page: p}, nil
}

func setSettings(q *request) (reply, error) {
	settings, err := q.s.Service.SetSettings(q.Context(), q.actor, q.accountID, access.Settings{
		Name: q.body.text("name"), SupportContact: q.body.text("supportContact"), Language: q.body.text("language"),
		MailFromName: q.body.text("mailFromName"),
	})
	if err != nil {
		return reply{}, err
	}
	return reply{json: settings, next: "/manage/settings?after=saved"}, nil
}

// ---- notices

func listNotices(q *request) (reply, error) {
	to := q.query.time("to")
	if len(q.query.typed["to"]) == len(time.DateOnly) {
		to = to.AddDate(0, 0, 1) // the whole of that day, as the date field of the page means it
	}
	if q.query.has("to") && to.IsZero() {
		to = time.Unix(0, 0) // the year 1, and not "any"
	}
	found, err := q.s.Service.ListNotices(q.Context(), q.accountID, access.ListNotices{
		Type: q.query.text("type"), OperatorID: q.query.text("operatorId"), Query: q.query.text("query"),
		From: q.query.time("from"), To: to, Limit: q.query.int("limit"), Cursor: q.query.text("cursor"),
	})
	if err != nil {
		return reply{}, err
	}
	l := list[access.NoticeView]{Items: found.Items, Next: found.Next}
	r := reply{json: l.orEmpty()}
	if q.html {
		r.page, err = noticesPage(q, l)
	}
	return r, err
}

// noticesPage shows notices to people: operators by their names, where they are still there.
func noticesPage(q *request, l list[access.NoticeView]) (page, error) {
	var ids []string
	for _, n := range l.Items {
		ids = append(ids, n.OperatorID, strings.TrimPrefix(n.Actor, "operator:"))
	}
	names, err := q.s.Service.Usernames(q.Context(), q.accountID, ids)
	if err != nil {
		return page{}, err
	}
	actors := map[string]string{}
	for id, name := range names {
		actors["operator:"+id] = name
	}
	return page{name: "manage_notices", data: map[string]any{
		"List": l, "Types": access.NoticeTypes(), "Names": names, "Actors": actors,
	}}, nil
}

func verifyNotices(q *request) (reply, error) {
	report, err := q.s.Service.VerifyNotices(q.Context(), q.accountID)
	if err != nil {
		return reply{}, err
	}
	data := map[string]any{"Report": report}
	if report.FirstBad != nil {
		data["FirstBad"] = *report.FirstBad
	}
	return reply{json: report, page: page{name: "manage_notices_verify", data: data}}, nil
}

// exportNotices answers with the log as CSV. A long one comes in parts: the header Link names the next (RFC 8288), and joined they
// are one file.
func exportNotices(q *request) (reply, error) {
	part, err := q.s.Service.ExportNotices(q.Context(), q.accountID, q.query.text("cursor"))
	if err != nil {
		return reply{}, err
	}
	return q.export("notices", part.CSV, part.Next), nil
}

// ---- mail queue

func listMail(q *request) (reply, error) {
	found, err := q.s.Service.ListMail(q.Context(), q.accountID, access.ListMail{
		Status: q.query.text("status"), Limit: q.query.int("limit"), Cursor: q.query.text("cursor"),
	})
	if err != nil {
		return reply{}, err
	}
	return reply{json: found, page: page{name: "manage_mail", data: map[string]any{
		"List": found, "Statuses": access.MailStatuses(), "After": q.query.text("after"),
	}}}, nil
}

func retryMail(q *request) (reply, error) {
	m, err := q.s.Service.RetryMail(q.Context(), q.accountID, q.PathValue("mailId"))
	if err != nil {
		return reply{}, err
	}
	return reply{json: m, next: "/manage/mail?after=mail_retried"}, nil
}
