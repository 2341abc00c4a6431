package acceptance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// door is one of the two ways for administrators: /manage with a session, /admin with a signature.
type door struct {
	name, prefix string
	do           func(t *testing.T, method, path string, body any, headers map[string]string) *answer
}

func doors(t *testing.T) []door {
	return []door{
		{"/manage", "/manage", func(t *testing.T, method, path string, body any, headers map[string]string) *answer {
			t.Helper()
			admin := alice(t)
			admin.headers = headers
			defer func() { admin.headers = nil }()
			return admin.do(method, path, body)
		}},
		{"/admin", "/admin/accounts/" + demo.AccountID, func(t *testing.T, method, path string, body any, headers map[string]string) *answer {
			t.Helper()
			return signed(t, method, path, body, headers, nil)
		}},
	}
}

func adminCredentials(t *testing.T) aws.Credentials {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "admin-credentials"))
	if err != nil {
		t.Fatal(err)
	}
	var c aws.Credentials
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			c.AccessKeyID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			c.SecretAccessKey = strings.TrimSpace(value)
		}
	}
	return c
}

// signed sends a request signed by the SDK's own signer; spoil changes it afterwards.
func signed(t *testing.T, method, path string, body any, headers map[string]string, spoil func(*http.Request)) *answer {
	t.Helper()
	raw := encoded(t, body)
	r, err := http.NewRequest(method, demo.URL+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	sum := sha256.Sum256(raw)
	if err := v4.NewSigner().SignHTTP(t.Context(), adminCredentials(t), r, hex.EncodeToString(sum[:]), "execute-api", "local", time.Now()); err != nil {
		t.Fatal(err)
	}
	if spoil != nil {
		spoil(r)
	}
	resp, err := plain.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	contract.check(t, r, resp, out)
	return &answer{t: t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, body: out}
}

// Both doors do the same.
func TestAdministrators(t *testing.T) {
	for _, d := range doors(t) {
		t.Run(strings.Trim(d.name, "/"), func(t *testing.T) {
			do := func(method, path string, body any) *answer {
				t.Helper()
				return d.do(t, method, d.prefix+path, body, nil)
			}
			name := strings.Trim(d.name, "/") + "-made"
			a := do("POST", "/operators", map[string]string{"username": name, "email": name + "@x.example", "firstName": "Made", "lastName": "Up" + name, "role": "operator"}).want(201)
			id := a.text("operator.operatorId")
			if a.text("operator.password.kind") != "temporary" || a.text("temporaryPasswordExpiresAt") == "" || a.text("operator.mail.status") != "ok" {
				t.Errorf("created: %s", a.body)
			}
			if got := do("GET", "/operators/"+id, nil).want(200); got.text("username") != name || got.field("lastLoginAt") != nil {
				t.Errorf("operator: %s", got.body)
			}
			for _, query := range []string{name, strings.ToUpper(name) + "@X", "up" + name} {
				if got := do("GET", "/operators?query="+query, nil).want(200); strings.Count(string(got.body), `"operatorId"`) != 1 || !strings.Contains(string(got.body), id) {
					t.Errorf("query %s: %s", query, got.body)
				}
			}
			if got := do("GET", "/operators?query="+name+"&role=administrator", nil).want(200); strings.Contains(string(got.body), id) {
				t.Error("the filter lets an operator through")
			}
			do("GET", "/operators?query="+name+"&passwordKind=temporary&state=active&totp=disabled", nil).want(200)
			got := do("PATCH", "/operators/"+id, map[string]string{"firstName": "Renamed", "email": name + "@new.example", "state": "disabled"}).want(200)
			if got.text("firstName") != "Renamed" || got.text("state") != "disabled" {
				t.Errorf("changed: %s", got.body)
			}
			newest(t, name+"@x.example", "address was changed")
			login(newBrowser(t), name, a.text("temporaryPassword")).refused(401, "invalid_credentials")
			do("PATCH", "/operators/"+id, map[string]string{"state": "active"}).want(200)
			reset := do("POST", "/operators/"+id+"/password-reset", nil).want(200)
			if login(newBrowser(t), name, reset.text("temporaryPassword")).want(200).text("next") != "new_password" {
				t.Error("the new temporary password does not work")
			}
			do("DELETE", "/operators/"+id+"/totp", nil).refused(409, "conflict")
			do("GET", "/operators/zzzzzzzzzzzzzzzzzzzzzzzzzz", nil).refused(404, "not_found")
			do("GET", "/operators/x", nil).refused(404, "not_found")
			do("GET", "/policy/presets", nil).want(200)
			policy := do("GET", "/policy", nil).want(200)
			d.do(t, "PUT", d.prefix+"/policy", decode(t, policy.body), map[string]string{"If-Match": policy.header.Get("ETag")}).want(200)
			settings := decode(t, do("GET", "/settings", nil).want(200).body)
			settings["supportContact"] = "help+" + name + "@demo.example"
			do("PUT", "/settings", settings).want(200)
			page := do("GET", "/operators?limit=1", nil).want(200)
			if next, ok := page.field("next").(string); !ok {
				t.Errorf("no next page: %s", page.body)
			} else if second := do("GET", "/operators?limit=1&cursor="+next, nil).want(200); string(second.body) == string(page.body) {
				t.Error("the second page is the first")
			}
			notices := do("GET", "/notices?operatorId="+id+"&limit=200", nil).want(200)
			for _, must := range []string{"operator.created", "operator.updated", "operator.disabled", "operator.enabled", "password.reset_by_administrator"} {
				if !strings.Contains(string(notices.body), must) {
					t.Errorf("no notice %s", must)
				}
			}
			actor := "operator:"
			if d.name == "/admin" {
				actor = "iam:arn:"
			}
			if !strings.Contains(string(notices.body), `"actor":"`+actor) {
				t.Errorf("actors: %s", notices.body)
			}
		})
	}
}

// An operator is no administrator; an administrator does not do it to themselves.
func TestWhoMay(t *testing.T) {
	p := operator(t, "operator")
	for _, path := range []string{"/manage/operators", "/manage/policy", "/manage/settings", "/manage/notices", "/manage/policy/presets"} {
		p.get(path).refused(403, "forbidden")
		newBrowser(t).get(path).refused(401, "not_signed_in")
	}
	admin := alice(t)
	me := admin.get("/session").want(200).text("operatorId")
	admin.post("/manage/operators/"+me+"/password-reset", nil).refused(409, "conflict")
	for _, change := range []map[string]string{{"state": "disabled"}, {"role": "operator"}} {
		admin.do("PATCH", "/manage/operators/"+me, change).refused(409, "conflict")
	}
	admin.do("PATCH", "/manage/operators/"+me, map[string]string{"lastName": "Arden"}).want(200)
}

// The signature is checked as AWS does (details 3).
func TestSignatures(t *testing.T) {
	const path = "/admin/accounts/demo/operators"
	signed(t, "GET", path+"?query=a%20b&limit=3", nil, nil, nil).want(200)
	for what, spoil := range map[string]func(*http.Request){
		"unsigned":       func(r *http.Request) { r.Header.Del("Authorization") },
		"another path":   func(r *http.Request) { r.URL.Path = "/admin/accounts/demo/policy" },
		"another query":  func(r *http.Request) { r.URL.RawQuery = "limit=4" },
		"another method": func(r *http.Request) { r.Method = "HEAD" },
		"another host":   func(r *http.Request) { r.Host = "evil.example" },
		"another date": func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().UTC().Add(time.Minute).Format("20060102T150405Z"))
		},
		"an old date": func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().UTC().Add(-time.Hour).Format("20060102T150405Z"))
		},
		"no date":        func(r *http.Request) { r.Header.Del("X-Amz-Date") },
		"a signed twice": func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
		"another sum":    func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64)) },
		"another service": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "execute-api", "s3", 1))
		},
		"another key": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Credential=", "Credential=X", 1))
		},
		"half a signature": func(r *http.Request) { a := r.Header.Get("Authorization"); r.Header.Set("Authorization", a[:len(a)-1]) },
		"nonsense":         func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 ,,=,=") },
	} {
		if a := signed(t, "GET", path, nil, nil, spoil); a.status != 403 {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	body := map[string]string{"username": "forged", "email": "forged@x.example", "firstName": "F", "lastName": "F", "role": "administrator"}
	signed(t, "POST", path, body, nil, func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader(`{"username":"forged2","email":"f@x.example","firstName":"F","lastName":"F","role":"administrator"}`))
		r.ContentLength = -1
	}).refused(403, "forbidden")
	newBrowser(t).get(path).refused(403, "forbidden")
	newBrowser(t).get("/admin/accounts/demo").refused(403, "forbidden")
	newBrowser(t).get("/admin/nothing").want(404)
	alice(t).get(path).refused(403, "forbidden") // a session does not open this door
	signed(t, "GET", "/admin/accounts/nowhere/policy", nil, nil, nil).refused(404, "not_found")
}

// The policy is replaced as a whole, by who has read the present one.
func TestPolicy(t *testing.T) {
	admin := alice(t)
	a := admin.get("/manage/policy").want(200)
	policy, etag := decode(t, a.body), a.header.Get("ETag")
	put := func(ifMatch string, policy map[string]any) *answer {
		t.Helper()
		admin.headers = map[string]string{}
		if ifMatch != "" {
			admin.headers["If-Match"] = ifMatch
		}
		defer func() { admin.headers = nil }()
		return admin.do("PUT", "/manage/policy", policy)
	}
	put("", policy).refused(400, "invalid_request")
	put(`"0"`, policy).refused(409, "conflict")
	edit := func(field string, v any) map[string]any {
		m := map[string]any{}
		for k, old := range policy {
			m[k] = old
		}
		if v == nil {
			delete(m, field)
		} else {
			m[field] = v
		}
		return m
	}
	for field, values := range map[string][]any{
		"minLength": {7, 65, 8.5, "x", nil}, "maxLength": {63, 257}, "history": {-1, 25}, "historyDays": {3651}, "maxAgeDays": {-1, 3651},
		"warnDays": {[]int{1, 2}, []int{0}, []int{91}, []int{6, 5, 4, 3, 2, 1}, "x", nil}, "minAgeHours": {721}, "temporaryPasswordHours": {0, 721},
		"sessionIdleMinutes": {4, 1441}, "sessionHours": {0, 721}, "captcha": {"sometimes", nil}, "totp": {"x"}, "blocklist": {"yes", nil},
		"reset": {map[string]any{"delivery": "pigeon", "minutes": 30}, map[string]any{"delivery": "code", "minutes": 4}, map[string]any{"delivery": "code"}, nil},
	} {
		for _, v := range values {
			p := put(etag, edit(field, v)).refused(400, "invalid_request")
			if len(p.Errors) == 0 || !strings.HasPrefix(p.Errors[0].Field, field) {
				t.Errorf("%s = %v: %+v", field, v, p.Errors)
			}
		}
	}
	changed := put(etag, edit("minAgeHours", 1)).want(200)
	if changed.header.Get("ETag") == etag {
		t.Error("the ETag stays after a change")
	}
	put(etag, policy).refused(409, "conflict")
	put(changed.header.Get("ETag"), policy).want(200)
	if got := decode(t, admin.get("/manage/policy").want(200).body); sprint(got) != sprint(policy) {
		t.Errorf("policy %v, want %v", got, policy)
	}
	if n := admin.get("/manage/notices?type=policy.changed&limit=1").want(200); !strings.Contains(string(n.body), "minAgeHours") {
		t.Errorf("notice: %s", n.body)
	}
}

// What a change of policy would mean is told by both doors, before it is made, and nothing is changed by asking.
func TestPolicyPreview(t *testing.T) {
	operator(t, "operator")
	for _, d := range doors(t) {
		t.Run(strings.Trim(d.name, "/"), func(t *testing.T) {
			before := d.do(t, "GET", d.prefix+"/policy", nil, nil).want(200)
			policy := decode(t, before.body)
			ifMatch := map[string]string{"If-Match": before.header.Get("ETag")}
			ask := func(query string, headers map[string]string) *answer {
				t.Helper()
				return d.do(t, "POST", d.prefix+"/policy/preview"+query, policy, headers)
			}
			if a := ask("", nil).want(200); len(a.field("changes").([]any)) != 0 {
				t.Errorf("no change: %s", a.body)
			}
			policy["totp"] = "required"
			policy["reset"].(map[string]any)["minutes"] = 45
			a := ask("?enforce=next_login", ifMatch).want(200)
			for _, must := range []string{`{"field":"reset.minutes","from":30,"to":45}`, `{"field":"totp","from":"optional","to":"required"}`} {
				if !strings.Contains(string(a.body), must) {
					t.Errorf("%s is not in %s", must, a.body)
				}
			}
			for _, of := range []string{"impact.operators", "impact.mustChange", "impact.mustSetUpTotp"} {
				if n, ok := a.field(of).(float64); !ok || n < 1 {
					t.Errorf("%s is %v in %s", of, n, a.body)
				}
			}
			ask("", map[string]string{"If-Match": `"0"`}).refused(409, "conflict")
			ask("?cursor=forged", nil).refused(400, "invalid_request")
			ask("?enforce=never", nil).refused(400, "invalid_request")
			policy["minLength"] = 7
			ask("", nil).refused(400, "invalid_request")
			if after := d.do(t, "GET", d.prefix+"/policy", nil, nil).want(200); string(after.body) != string(before.body) {
				t.Errorf("the policy is %s after a preview, and was %s", after.body, before.body)
			}
		})
	}
}

// enforce=next_login has everybody choose again.
func TestEnforcedPolicy(t *testing.T) {
	p := operator(t, "operator")
	admin := alice(t)
	a := admin.get("/manage/policy").want(200)
	admin.headers = map[string]string{"If-Match": a.header.Get("ETag")}
	admin.do("PUT", "/manage/policy?enforce=next_login", decode(t, a.body)).want(200)
	admin.headers = nil
	if a := p.signIn().want(200); a.text("next") != "new_password" || a.text("reason") != "policy" {
		t.Errorf("login: %s", a.body)
	}
	p.choose(passphrase + "enforced")
	if p.signIn().want(200).text("next") != "done" {
		t.Error("asked twice")
	}
}
