package house

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

	"github.com/stretchr/testify/require"
)

var (
	quotedCode = regexp.MustCompile("`([^`\n]+)`")
	quotedText = regexp.MustCompile(`"([^"\n]+)"`)
	goName     = regexp.MustCompile(`^[A-Za-z]\w*(\.[A-Za-z]\w*)?$`)
)

// All that docs/design.md names exists: functions, types, tests and mutations.
func TestDesignNamesWhatExists(t *testing.T) {
	page := read(t, "docs/design.md")
	known := declared(t)
	for _, code := range quotedCode.FindAllStringSubmatch(page, -1) {
		if name := strings.TrimPrefix(code[1], "lease."); goName.MatchString(name) {
			require.True(t, known[name], "docs/design.md names `%s`, and nothing is called so", code[1])
		}
	}
	mutations := ""
	goFiles(t, "internal/mutate", false, func(_, text string) { mutations += text })
	named := 0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, mutation := range quotedText.FindAllStringSubmatch(line, -1) {
			named++
			require.True(t, strings.Contains(mutations, `name: "`+mutation[1]+`"`), "docs/design.md names a mutation that there is not: %s", mutation[1])
		}
	}
	require.Greater(t, named, 20, "mutations that the page names")
}

// docs/design.md has every rule and promise that the code cites.
func TestDesignHasEveryRule(t *testing.T) {
	page := read(t, "docs/design.md")
	cited := regexp.MustCompile(`\b(R[1-9]|Run [1-9]\d?|S[1-9]|L[1-9]|C[1-9]|V[1-9]|K[1-9]|F[1-9]\d?a?|F[SLB][1-9])\b`)
	for _, dir := range []string{".", "lease", "lease/azblob", "checkpoint", "fleet"} {
		goFiles(t, dir, false, func(path, text string) {
			for line := range strings.Lines(text) {
				if _, comment, ok := strings.Cut(line, "//"); ok {
					for _, rule := range cited.FindAllString(comment, -1) {
						require.Contains(t, page, "| "+rule+" ", "%s cites %s", path, rule)
					}
				}
			}
		})
	}
}

// declared returns the names that the library's packages, other directories and all tests declare: f, T, T.method and
// T.field. A method also counts without its type.
func declared(t *testing.T, others ...string) map[string]bool {
	names := map[string]bool{"leader": true, "lease": true, "fleet": true}
	add := func(path, text string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				names[decl.Name.Name] = true
				if decl.Recv != nil {
					names[receiver(decl.Recv.List[0].Type)+"."+decl.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					addSpec(names, spec)
				}
			}
		}
	}
	goFiles(t, ".", false, add)
	for _, dir := range append(others, "lease", "checkpoint", "fleet") {
		goFiles(t, dir, true, add)
	}
	goFiles(t, ".", true, func(path, text string) {
		if strings.HasSuffix(path, "_test.go") {
			add(path, text)
		}
	})
	return names
}

func addSpec(names map[string]bool, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			names[name.Name] = true
		}
	case *ast.TypeSpec:
		names[spec.Name.Name] = true
		var fields *ast.FieldList
		switch kind := spec.Type.(type) {
		case *ast.StructType:
			fields = kind.Fields
		case *ast.InterfaceType:
			fields = kind.Methods
		default:
			return
		}
		for _, field := range fields.List {
			for _, name := range field.Names {
				names[spec.Name.Name+"."+name.Name] = true
			}
		}
	}
}

// receiver returns the name of a receiver's type, without a pointer and parameters.
func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.Ident:
		return of.Name
	}
	return ""
}

// goFiles calls each for every Go file in a directory of the module, and, if deep, in those below it.
func goFiles(t *testing.T, dir string, deep bool, each func(path, text string)) {
	root := filepath.Join("..", "..", filepath.FromSlash(dir))
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (!deep || strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			each(path, string(text))
		}
		return err
	})
	require.NoError(t, err)
}
