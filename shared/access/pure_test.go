package access_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// Decisions are pure: they are functions, not methods of the Service, take no context, and reach neither clock nor store nor
// anything else outside (docs/behaviour.md cites them by it; design.md "The idea").
func TestDecisionsArePure(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	decisions := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(fn.Name.Name, "decide") {
				continue
			}
			decisions++
			for _, what := range impure(fn) {
				t.Errorf("%s: %s %s", fset.Position(fn.Pos()), fn.Name.Name, what)
			}
		}
	}
	if decisions < 15 {
		t.Errorf("found %d decisions: are they called decide… no more?", decisions)
	}
}

// The test above sees what it looks for.
func TestImpureDecisionsAreSeen(t *testing.T) {
	const src = `package p
func (s *Service) decideA() {}
func decideB(ctx context.Context) {}
func decideC() { time.Now() }
func decideD() { go f() }
func decideE(s *Service) {}
func decideF() { rand.Read(nil) }
func decideG() { slog.Info("") }`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		if fn := d.(*ast.FuncDecl); len(impure(fn)) == 0 {
			t.Errorf("%s passes for pure", fn.Name.Name)
		}
	}
}

func impure(fn *ast.FuncDecl) (what []string) {
	if fn.Recv != nil {
		what = append(what, "is a method")
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt, *ast.SendStmt, *ast.SelectStmt:
			what = append(what, "does something beside itself")
		case *ast.StarExpr:
			if id, ok := n.X.(*ast.Ident); ok && (id.Name == "Service" || id.Name == "Mailer") {
				what = append(what, "holds the Service")
			}
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if !ok {
				break
			}
			name := pkg.Name + "." + n.Sel.Name
			if slices.Contains([]string{"time.Now", "time.Since", "time.Sleep", "time.After", "context.Context"}, name) ||
				slices.Contains([]string{"os", "rand", "net", "http", "slog", "store", "keys", "queue"}, pkg.Name) && pkg.Obj == nil {
				what = append(what, "uses "+name)
			}
		}
		return true
	})
	return what
}
