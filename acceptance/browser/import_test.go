package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// attach puts a file into the form, as the browser's own dialog does.
func (b *tab) attach(content string) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.do("choose a file", chromedp.SetUploadFiles("#f-file", []string{file}))
}

// An import: a wrong file, a trial, the import with its report, and the report once more when the page is loaded again.
func TestImportOperators(t *testing.T) {
	p := operator(t, "administrator")
	b := open(t)
	b.signIn(p, "/account")
	b.visit("/manage/operators", 200)
	b.follow("main a[href$='/manage/operators/import']", 200)
	b.look("manage_operators_import", "")
	b.attach("PK\x03\x04\x00")
	b.follow("main form > button", 400)
	b.refused("File: Not a CSV file in UTF-8")
	b.look("manage_operators_import", "refused")
	b.jump(`.problem a[href="#f-file"]`, "#f-file")

	var file strings.Builder
	file.WriteString("username;email;firstName;lastName;role\r\n")
	for i := range 5 {
		fmt.Fprintf(&file, "imported-%d-%s;imported-%[1]d-%[2]s@a-rather-long-domain.people.example;Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaft;Õ;operator\r\n", i, p.username)
	}
	good := file.String()
	file.WriteString("two words;nowhere;;Boss;king\r\n")
	b.visit("/manage/operators/import", 200)
	b.attach(file.String())
	b.space("#f-dryRun")
	b.follow("main form > button", 200)
	b.says("The file was only checked. Nothing was changed.", "Would be created", "Use 1 to 64 characters")
	b.look("manage_operators_imported", "dry")
	b.follow("main a[href$='/manage/operators/import']", 200)
	b.attach(file.String())
	b.follow("main form > button", 200)
	b.says("Temporary passwords", "They are shown only now", "Not one of the values there are.")
	b.look("manage_operators_imported", "")
	first := b.text(".passwords tr:first-child td")
	b.space("[data-copy]")
	b.do("wait until it is copied", chromedp.Poll[chromedp.Void](`document.querySelector("[data-copy]").innerText === "Copied"`))
	theirs := open(t)
	theirs.signIn(&person{username: "imported-0-" + p.username, password: first}, "/new-password")

	b.visit("/manage/operators/import", 200)
	b.attach(good)
	b.follow("main form > button", 200)
	b.says("There already, left alone", "Nothing is wrong with the file.")
	b.shows(".passwords", false)
	b.look("manage_operators_imported", "again")
}
