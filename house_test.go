// Package bartizan_test checks the rules of the house that no single package can check: where imports may point, how large files may grow, that packages
// say what they are, and that nothing is global and mutable.
package bartizan_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/bartizan-sec/bartizan/"

type goFile struct {
	path  string // slash-separated, relative to the root
	dir   string
	test  bool
	lines int
	ast   *ast.File
}

func files(t *testing.T) []goFile {
	t.Helper()
	var out []goFile
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", "testdata", "dist", "bin", "data", ".cache":
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		out = append(out, goFile{path, filepath.ToSlash(filepath.Dir(path)), strings.HasSuffix(path, "_test.go"), strings.Count(string(text), "\n"), f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 10 {
		t.Fatalf("only %d Go files found: the walk is broken", len(out))
	}
	return out
}

func imports(f goFile) []string {
	var out []string
	for _, spec := range f.ast.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		if strings.HasPrefix(path, module) {
			out = append(out, strings.TrimPrefix(path, module))
		}
	}
	return out
}

func TestFilesStaySmall(t *testing.T) {
	for _, f := range files(t) {
		if f.lines > 800 {
			t.Errorf("%s has %d lines; the limit is 800: divide it by idea", f.path, f.lines)
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	documented, seen := map[string]bool{}, map[string]bool{}
	for _, f := range files(t) {
		if f.test {
			continue
		}
		seen[f.dir] = true
		if f.ast.Doc != nil && len(f.ast.Doc.Text()) > 20 {
			documented[f.dir] = true
		}
	}
	for dir := range seen {
		if !documented[dir] {
			t.Errorf("package %s has no doc comment", dir)
		}
	}
}

// The public library knows nothing of the product.
func TestKQLImportsNothingOfOurs(t *testing.T) {
	for _, f := range files(t) {
		if !strings.HasPrefix(f.dir, "kql") {
			continue
		}
		for _, im := range imports(f) {
			if !strings.HasPrefix(im, "kql") {
				t.Errorf("%s imports %s; kql is a library of its own", f.path, im)
			}
		}
	}
}

// Normalising is a pure function of the record: no files, no network, no databases, no clock.
func TestNormaliseDoesNoIO(t *testing.T) {
	forbidden := map[string]bool{"os": true, "net/http": true, "database/sql": true, "os/exec": true, "io/ioutil": true}
	for _, f := range files(t) {
		if !strings.HasPrefix(f.dir, "internal/normalise") || f.test || strings.HasSuffix(f.dir, "goldentest") {
			continue
		}
		for _, spec := range f.ast.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if forbidden[path] || strings.Contains(path, "/bun") {
				t.Errorf("%s imports %s; normalise does no I/O", f.path, path)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if ok && call.Sel.Name == "Now" {
				if x, ok := call.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s reads the clock; event time comes from the record", f.path)
				}
			}
			return true
		})
	}
}

var areas = []string{"ingest", "detect", "incident", "entity", "device", "access", "investigate", "respond", "mail", "intel", "simulate", "learn", "report", "home", "feedback"}

// Areas may use other areas' root packages, never their stores or other inner rooms; wiring is done in cmd only.
func TestAreasUseRootPackagesOnly(t *testing.T) {
	for _, f := range files(t) {
		if f.test || !strings.HasPrefix(f.dir, "internal/") {
			continue
		}
		for _, im := range imports(f) {
			for _, area := range areas {
				inner := "internal/" + area + "/"
				if strings.HasPrefix(im, inner) && !strings.HasPrefix(f.dir+"/", inner) {
					t.Errorf("%s imports %s; areas use each other's root packages only", f.path, im)
				}
			}
			if strings.HasPrefix(im, "internal/api") && !strings.HasPrefix(f.dir, "internal/api") {
				t.Errorf("%s imports %s; the API is the outermost layer", f.path, im)
			}
			if strings.HasPrefix(im, "cmd/") {
				t.Errorf("%s imports %s", f.path, im)
			}
		}
	}
}

func TestPlatformKnowsNoArea(t *testing.T) {
	for _, f := range files(t) {
		if !strings.HasPrefix(f.dir, "internal/platform") {
			continue
		}
		for _, im := range imports(f) {
			if !strings.HasPrefix(im, "internal/platform") && im != "internal/tenant" {
				t.Errorf("%s imports %s; the platform stands below every area", f.path, im)
			}
		}
	}
}

// A package-level variable is allowed when nothing can change it in use: errors, compiled patterns, embedded files, lookup tables and functions
// are initialised once and only read. A variable without a value at declaration is state waiting to be shared.
func TestNoMutablePackageState(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		for _, decl := range f.ast.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				embedded := g.Doc != nil && strings.Contains(docText(g.Doc)+docText(v.Doc), "go:embed") || v.Doc != nil && strings.Contains(docText(v.Doc), "go:embed")
				if len(v.Values) == 0 && !embedded {
					t.Errorf("%s declares %s without a value: package-level state", f.path, v.Names[0].Name)
				}
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if as, ok := n.(*ast.AssignStmt); ok && as.Tok != token.DEFINE {
				for _, l := range as.Lhs {
					if id, ok := l.(*ast.Ident); ok && id.Obj != nil && id.Obj.Kind == ast.Var {
						if _, top := id.Obj.Decl.(*ast.ValueSpec); top && f.ast.Scope.Objects[id.Name] == id.Obj {
							t.Errorf("%s assigns to the package-level variable %s", f.path, id.Name)
						}
					}
				}
			}
			return true
		})
	}
}

func docText(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	var b strings.Builder
	for _, l := range c.List {
		b.WriteString(l.Text)
	}
	return b.String()
}

var tenantColumn = regexp.MustCompile(`(?is)create table\s+(\w+)\s*\((.*?)\n\)`)

// Every table of tenant data carries the tenant. Tables that are global by nature are listed with the reason.
func TestStateTablesCarryATenant(t *testing.T) {
	global := map[string]string{
		"tenants":          "the list of tenants itself",
		"users":            "a person may hold several tenants",
		"sessions":         "a session belongs to a person, the tenant is chosen per request",
		"sign_in_failures": "attempts come before a tenant is known",
		"nodes":            "processes serve all tenants",
	}
	paths, err := filepath.Glob("internal/platform/state/migrations/*.sql")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no migrations found: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range tenantColumn.FindAllStringSubmatch(string(text), -1) {
			if _, ok := global[m[1]]; !ok && !strings.Contains(m[2], "tenant_id") {
				t.Errorf("%s: table %s has no tenant_id", filepath.Base(path), m[1])
			}
		}
	}
}

func TestMigrationsHaveUniqueNumbers(t *testing.T) {
	paths, _ := filepath.Glob("internal/platform/state/migrations/*.sql")
	seen := map[string]string{}
	for _, path := range paths {
		number, _, _ := strings.Cut(filepath.Base(path), "_")
		if other, ok := seen[number]; ok {
			t.Errorf("%s and %s have the same number", other, path)
		}
		seen[number] = path
	}
}
