package house

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mayFormatURLs are packages that show only URLs that they make themselves, and the package that makes URLs safe to show.
var mayFormatURLs = []string{"internal/redact", "localstack", "localstack/...", "internal/wire", "internal/emulator", "internal/stress/...", "examples/..."}

// Outside internal/redact, no code formats a URL or the text of a store's URL, as it may contain a secret.
func TestURLsAreShownByRedactAlone(t *testing.T) {
	t.Parallel()
	for _, p := range typed(t) {
		name, _ := relative(p.ImportPath)
		if matchesAny(mayFormatURLs, name) {
			continue
		}
		fset := token.NewFileSet()
		files, info := p.check(t, fset)
		for _, file := range files {
			for _, problem := range shownURLs(fset, file, info) {
				assert.Fail(t, problem, "use redact.URL or redact.Text")
			}
		}
	}
}

// The check finds every kind of URL that is shown.
func TestShownURLsAreFound(t *testing.T) {
	const code = `package p
import ("errors"; "fmt"; "net/url")
func _(u *url.URL, v url.URL, rawURL, other string, s struct{ store string }) {
	_ = fmt.Errorf("%v", u)             // 1
	_ = fmt.Sprint(v)                   // 2
	_ = u.Redacted()                    // 3
	_ = errors.New("x " + u.String())   // 4
	_ = fmt.Sprintf("%q", rawURL)       // 5
	_ = fmt.Sprintf("%q", s.store)      // 6
	_ = fmt.Errorf("%s", u.RawQuery)    // 7
	_ = fmt.Errorf("%s", u.User)        // 8
	_ = fmt.Errorf("%s and %s", u.Scheme, other)
	_ = u.String()
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", code, 0)
	require.NoError(t, err)
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	_, err = (&types.Config{Importer: importer.ForCompiler(fset, "source", nil)}).Check("p", fset, []*ast.File{file}, info)
	require.NoError(t, err)
	found := shownURLs(fset, file, info)
	require.Len(t, found, 8, strings.Join(found, "\n"))
}

// shownURLs returns the places where a URL is formatted.
func shownURLs(fset *token.FileSet, file *ast.File, info *types.Info) (problems []string) {
	report := func(n ast.Node, what string) {
		problems = append(problems, fmt.Sprintf("%s: %s", fset.Position(n.Pos()), what))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		callee := info.Uses[f.Sel]
		if callee == nil || callee.Pkg() == nil {
			return true
		}
		if callee.Name() == "Redacted" && callee.Pkg().Path() == "net/url" {
			report(call, "URL.Redacted hides a password only where the syntax has it")
		}
		switch callee.Pkg().Path() {
		case "fmt", "errors", "log", "log/slog":
			for _, arg := range call.Args {
				if what := secretIn(arg, info); what != "" {
					report(arg, what)
				}
			}
		}
		return true
	})
	return problems
}

// secretIn returns what part of a URL an expression shows; empty: none.
func secretIn(e ast.Expr, info *types.Info) (what string) {
	isURL := func(e ast.Expr) bool {
		t := info.Types[e].Type
		return t != nil && strings.TrimPrefix(t.String(), "*") == "net/url.URL"
	}
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr: // the result of a call is no URL, unless it is the text of one
			f, ok := n.Fun.(*ast.SelectorExpr)
			if ok && isURL(f.X) && f.Sel.Name != "Hostname" && f.Sel.Name != "Redacted" {
				what = "a URL's " + f.Sel.Name
			}
			return false
		case *ast.SelectorExpr:
			switch {
			case isURL(n.X) && n.Sel.Name != "Scheme":
				what = "a URL's " + n.Sel.Name
			case n.Sel.Name == "store" && isString(info.Types[n].Type):
				what = "a store's URL"
			}
			return false
		case *ast.Ident:
			switch {
			case isURL(n):
				what = "a URL"
			case strings.EqualFold(n.Name, "rawurl"):
				what = "a URL's text"
			}
		}
		return true
	})
	return what
}

func isString(t types.Type) bool { return t != nil && t.String() == "string" }

// A typedPkg is a package of this module, with what is needed to check its types.
type typedPkg struct {
	pkg
	Dir     string
	GoFiles []string
	exports map[string]string // files with what packages export, by their paths
}

func (p typedPkg) check(t *testing.T, fset *token.FileSet) ([]*ast.File, *types.Info) {
	t.Helper()
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(p.exports[path]) })}
	_, err := config.Check(p.ImportPath, fset, files, info)
	require.NoError(t, err)
	return files, info
}

// typed returns the packages of all modules that the rules are for.
func typed(t *testing.T) (ours []typedPkg) {
	t.Helper()
	for _, dir := range ruled {
		for _, p := range typedIn(t, dir) {
			if !slices.ContainsFunc(ours, func(q typedPkg) bool { return q.ImportPath == p.ImportPath }) {
				ours = append(ours, p)
			}
		}
	}
	return ours
}

// typedIn returns the packages of one module. go list compiles the packages that they import, as any build does.
func typedIn(t *testing.T, dir string) (ours []typedPkg) {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Dir,GoFiles,Export", "./...")
	cmd.Dir = filepath.Join("..", "..", dir)
	out, err := cmd.Output()
	require.NoError(t, err)
	exports := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p struct {
			typedPkg
			Export string
		}
		require.NoError(t, decoder.Decode(&p))
		exports[p.ImportPath] = p.Export
		if _, is := relative(p.ImportPath); is && len(p.GoFiles) > 0 {
			ours = append(ours, typedPkg{pkg: p.pkg, Dir: p.Dir, GoFiles: p.GoFiles, exports: exports})
		}
	}
	require.NotEmpty(t, ours)
	return ours
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}
