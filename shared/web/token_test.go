package web

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// An administrator adds a token, assigns it, takes it back and deletes it, with forms alone.
func TestTokensByBrowser(t *testing.T) {
	s := newStand(t)
	program := s.signedIn()
	b := program.asBrowser()
	form := func(pairs ...string) string {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v.Encode()
	}
	const secret = "3132333435363738393031323334353637383930"
	bob := program.want(201, `"operator"`, "POST", "/manage/operators", `{"username":"bob","email":"bob@demo.example","firstName":"Bob","lastName":"Birch","role":"operator"}`)
	operator := "/manage/operators/" + bob.said["operator"].(map[string]any)["operatorId"].(string)

	b.want(200, "/manage/tokens", "GET", "/manage", "")
	b.want(200, "There are no hardware tokens yet.", "GET", "/manage/tokens", "")
	b.want(200, `name="secret"`, "GET", "/manage/tokens/new", "")
	refused := b.want(400, "Use 1 to 64 letters", "POST", "/manage/tokens", form("serial", "a b", "secret", secret, "encoding", "hex", "digits", "8", "period", "60", "algorithm", "SHA256"))
	if strings.Contains(refused.text, secret) || !strings.Contains(refused.text, `value="a b"`) {
		t.Errorf("refused: %s", refused.text)
	}
	made := b.want(201, "The token T-1 was added", "POST", "/manage/tokens", form("serial", "T-1", "secret", secret, "encoding", "hex", "digits", "6", "period", "60", "algorithm", "SHA1"))
	if strings.Contains(made.text, secret) {
		t.Error("the secret is shown again")
	}
	b.want(200, "T-1", "GET", "/manage/tokens", "")

	b.want(200, operator+"/totp", "GET", operator, "")
	b.want(200, `name="serial"`, "GET", operator+"/totp", "")
	b.want(400, "There is no token with this serial number", "POST", operator+"/totp", form("serial", "T-2", "code", ""))
	b.want(401, "", "POST", operator+"/totp", form("serial", "T-1", "code", "000000"))
	b.want(303, operator+"?after=token_assigned", "POST", operator+"/totp", form("serial", "T-1", "code", ""))
	b.want(200, "Waits for its first code", "GET", operator+"?after=token_assigned", "")
	b.want(200, `value="T-1"`, "GET", operator+"/totp", "")
	b.want(200, ">bob</a>", "GET", "/manage/tokens", "")
	b.want(200, "is assigned", "GET", "/manage/tokens/T-1/delete", "")
	b.want(409, "This token is assigned", "POST", "/manage/tokens/T-1/delete", "")

	temporary := bob.said["temporaryPassword"].(string)
	theirs := s.program()
	theirs.want(200, `"next":"totp"`, "POST", "/login", `{"accountId":"demo","login":"bob","password":"`+temporary+`"}`)
	theirs.want(200, `"next":"new_password"`, "POST", "/login/totp", `{"code":"`+s.code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")+`"}`)
	theirs.want(200, `"next":"done"`, "POST", "/new-password", `{"password":"`+nextPassword+`"}`)
	theirs.asBrowser().want(200, "It is the hardware token T-1.", "GET", "/account", "")
	b.want(200, "Two-factor authentication is on already", "GET", operator+"/totp", "")

	s.now = s.now.Add(time.Minute)
	b.want(303, operator+"?after=totp_disabled", "POST", operator+"/totp/delete", form("reason", "lost"))
	b.want(200, "Delete T-1", "GET", "/manage/tokens/T-1/delete", "")
	b.want(303, "/manage/tokens?after=token_deleted", "POST", "/manage/tokens/T-1/delete", "")
	b.want(200, "The token was deleted.", "GET", "/manage/tokens?after=token_deleted", "")
	b.want(404, "", "GET", "/manage/tokens/T-1/delete", "")
}

// A key that comes twice could be two; one in a header is hex.
func TestPSKCKey(t *testing.T) {
	s := newStand(t)
	p := s.signedIn()
	csv := []string{"Content-Type", "text/csv"}
	p.want(200, `"rows":1`, "POST", "/manage/tokens/import", "serial,secret,encoding\nT-1,00,hex\n", csv...)
	p.want(400, `"field":"key","code":"not_hex"`, "POST", "/manage/tokens/import", "serial,secret,encoding\nT-1,00,hex\n", append(csv, "X-Pskc-Key", "xyz")...)
	p.want(400, `"field":"key","code":"pskc_key_length"`, "POST", "/manage/tokens/import", "serial,secret,encoding\nT-1,00,hex\n", append(csv, "X-Pskc-Key", strings.Repeat("ab", 2000))...)
	kind, body := multipartOf(t, "file", "serial,secret,encoding\nT-1,00,hex\n", "key", "abc")
	p.want(200, `"rows":1`, "POST", "/manage/tokens/import", body, "Content-Type", kind)
	p.want(400, `"field":"key","code":"duplicate"`, "POST", "/manage/tokens/import", body, "Content-Type", kind, "X-Pskc-Key", "ab")
}
