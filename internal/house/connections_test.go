package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shared are the files that may use the connections of http.DefaultTransport, and why.
var shared = map[string]string{
	"leaderhttp/follow.go":                         "a documented default; tests give it a client",
	"lease/gcs/client.go":                          "a caller's HTTP client without a transport stays as it is, and its own transport is a copy",
	"lease/gcs/client_test.go":                     "it changes what the client copies, and sends nothing",
	"examples/catchup/search/search.go":            "a program to copy; it runs in its own process",
	"examples/catchup/search/search_test.go":       "the test replaces the transport with a function",
	"examples/catchup/internal/experiment/node.go": "the same program, in its own process, whose requests can be held",
}

// The end of an httptest.Server closes the idle connections of http.DefaultTransport (net/http/httptest, Server.Close). A request of
// another test that has just taken one of them fails. So tests, and code that they run, share no connections.
func TestConnectionsAreNotShared(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	goFiles(t, ".", true, func(path, text string) {
		name := filepath.ToSlash(strings.TrimPrefix(path, filepath.Join("..", "..")+string(filepath.Separator)))
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, problem := range sharedConnections(fset, file) {
			found[name] = true
			assert.NotEmpty(t, shared[name], "%s: give it a client: server.Client(), or one whose transport is a clone of http.DefaultTransport", problem)
		}
	})
	for name := range shared {
		assert.True(t, found[name], "%s needs no exception", name)
	}
}

// Each way to http.DefaultTransport is found.
func TestSharedConnectionsAreFound(t *testing.T) {
	t.Parallel()
	const code = `package p
import "net/http"
var a = http.DefaultClient                        // 1
var b = &http.Client{}                            // 2
var c = http.Client{Timeout: 1}                   // 3
var d = new(http.Client)                          // 4
var e http.RoundTripper = http.DefaultTransport   // 5
var f, _ = http.DefaultTransport.(*http.Transport) // 6
func g() {
	http.Get("x")                             // 7
	http.Head("x")                            // 8
	http.Post("x", "", nil)                   // 9
	http.PostForm("x", nil)                   // 10
	leaderhttp.Follow(leaderhttp.FollowHosts("x")) // 11, in tests
	leaderhttp.Follow(opts...)
	leaderhttp.Follow(leaderhttp.FollowHosts("x"), leaderhttp.FollowClient(b))
}
var h = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
var i = (*http.Client)(nil)
`
	for name, want := range map[string]int{"p.go": 10, "p_test.go": 11, "example_test.go": 10} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, code, parser.SkipObjectResolution)
		require.NoError(t, err)
		found := sharedConnections(fset, file)
		require.Len(t, found, want, strings.Join(found, "\n"))
	}
}

// sharedConnections returns the places where a file may come by the connections of http.DefaultTransport.
func sharedConnections(fset *token.FileSet, file *ast.File) (problems []string) {
	in := fset.File(file.Pos()).Name()
	sends := strings.HasSuffix(in, "_test.go") && filepath.Base(in) != "example_test.go" // which is compiled, and sends nothing
	cloned := map[ast.Node]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		what := ""
		switch n := n.(type) {
		case *ast.CallExpr:
			if copied, ok := n.Fun.(*ast.SelectorExpr); ok && copied.Sel.Name == "Clone" {
				if as, ok := copied.X.(*ast.TypeAssertExpr); ok {
					cloned[as.X] = true
				}
			}
			if called := named(n.Fun); called == "new" && len(n.Args) == 1 && named(n.Args[0]) == "http.Client" {
				what = "new(http.Client)"
			} else if called == "leaderhttp.Follow" && sends && n.Ellipsis == 0 && !slices.ContainsFunc(n.Args, choosesClient) {
				what = "leaderhttp.Follow without FollowClient"
			}
		case *ast.CompositeLit:
			if named(n.Type) == "http.Client" && !slices.ContainsFunc(n.Elts, setsTransport) {
				what = "an http.Client without a Transport"
			}
		case *ast.SelectorExpr:
			if name := named(n); slices.Contains([]string{"http.DefaultClient", "http.DefaultTransport", "http.Get", "http.Head", "http.Post", "http.PostForm"}, name) && !cloned[n] {
				what = name
			}
		}
		if what != "" {
			problems = append(problems, fmt.Sprintf("%s: %s", fset.Position(n.Pos()), what))
		}
		return true
	})
	return problems
}

func choosesClient(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	return ok && named(call.Fun) == "leaderhttp.FollowClient"
}

func setsTransport(e ast.Expr) bool {
	pair, ok := e.(*ast.KeyValueExpr)
	return ok && named(pair.Key) == "Transport"
}

// named returns an identifier, or one of a package.
func named(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if of, ok := e.X.(*ast.Ident); ok {
			return of.Name + "." + e.Sel.Name
		}
	}
	return ""
}
