package browser

import (
	"fmt"
	"strings"
	"testing"
)

// Hardware tokens: none yet, one by hand, a file with wrong rows, an assignment, and its end.
func TestTokens(t *testing.T) {
	p, bob := operator(t, "administrator"), operator(t, "operator")
	c := office(t)
	who, err := c.send("GET", "/manage/operators?query="+bob.username, nil)
	if err != nil {
		t.Fatal(err)
	}
	bobs := "/manage/operators/" + who["items"].([]any)[0].(map[string]any)["operatorId"].(string)
	b := open(t)
	b.signIn(p, "/account")
	b.follow("nav a[href$='/manage/tokens']", 200)
	b.look("manage_tokens", "empty")

	b.follow("main a[href$='/manage/tokens/new']", 200)
	b.look("manage_token_new", "")
	b.fill("serial", "a b")
	b.fill("secret", strings.Repeat("ab", 20))
	b.follow("main form > button", 400)
	b.refused("Serial number: Use 1 to 64 letters")
	b.look("manage_token_new", "refused")
	serial := "LOOK-" + p.username
	b.visit("/manage/tokens/new", 200)
	b.fill("serial", serial)
	b.fill("secret", strings.Repeat("ab", 20))
	b.follow("main form > button", 201)
	b.look("manage_token_created", "")

	var file strings.Builder
	file.WriteString("serial;secret;encoding;digits;period;algorithm\r\n")
	for i := range 60 {
		fmt.Fprintf(&file, "%s-%d;%s;hex;8;30;SHA512\r\n", serial, i, strings.Repeat("ab", 20))
	}
	fmt.Fprintf(&file, "%s;%s;base32;9;45;MD5\r\nno number;12;hex;;;\r\n", strings.Repeat("W", 64), strings.Repeat("A", 32))
	b.visit("/manage/tokens/import", 200)
	b.look("manage_tokens_import", "")
	b.attach("<KeyContainer>")
	b.follow("main form > button", 400)
	b.refused("File: Not a whole PSKC file")
	b.look("manage_tokens_import", "refused")
	b.jump(`.problem a[href="#f-file"]`, "#f-file")
	b.visit("/manage/tokens/import", 200)
	b.attach(file.String())
	b.space("#f-dryRun")
	b.follow("main form > button", 200)
	b.says("The file was only checked. Nothing was changed.", "Must be 30 or 60.")
	b.look("manage_tokens_imported", "dry")
	b.follow("main a[href$='/manage/tokens/import']", 200)
	b.attach(file.String())
	b.follow("main form > button", 200)
	b.says("There already, left alone", "Use 1 to 64 letters")
	b.look("manage_tokens_imported", "")

	b.visit(bobs, 200)
	b.follow("main a[href$='/totp']", 200)
	b.look("manage_token_assign", "")
	b.fill("serial", serial)
	b.follow("main form > button", 200)
	b.says("The token is assigned", "Waits for its first code")
	b.look("manage_operator", "with a token")
	b.visit("/manage/tokens", 200)
	if b.rows() != 50 {
		t.Errorf("the page shows %d tokens, want 50", b.rows())
	}
	b.look("manage_tokens", "")
	b.follow("main a[rel=next]", 200)
	b.visit("/manage/tokens/"+serial+"/delete", 200)
	b.look("manage_token_delete", "assigned")
	theirs := open(t)
	theirs.signIn(bob, "/login/totp")

	b.visit(bobs+"/totp/delete", 200)
	b.follow("main form > button", 200)
	b.visit("/manage/tokens/"+serial+"/delete", 200)
	b.look("manage_token_delete", "")
	b.follow("main form > button", 200)
	b.says("The token was deleted.")
}
