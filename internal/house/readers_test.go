package house

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The comment of package lease says of each exported name who needs it. A constant of a type stands with its type.
func TestLeaseSaysWhoNeedsWhat(t *testing.T) {
	t.Parallel()
	fset, files := token.NewFileSet(), []*ast.File(nil)
	goFiles(t, "lease", false, func(path, text string) {
		file, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
	})
	pkg, err := doc.NewFromFiles(fset, files, "lease")
	require.NoError(t, err)
	_, list, _ := strings.Cut(pkg.Doc, "# Who needs what\n")
	list, _, found := strings.Cut(list, "\n# ")
	require.True(t, found)
	times := map[string]int{}
	for _, name := range regexp.MustCompile(`\[(\w+)\]`).FindAllStringSubmatch(list, -1) {
		times[name[1]]++
	}
	exported := exportedNames(pkg)
	for _, name := range exported {
		assert.Equal(t, 1, times[name], "lease.%s stands once in the list of who needs what, in lease/doc.go", name)
	}
	assert.Len(t, times, len(exported), "the list names nothing else")
	require.Greater(t, len(exported), 50)
}

// exportedNames returns the names of a package's types, functions, and constants and variables without a type of the package.
func exportedNames(pkg *doc.Package) (names []string) {
	funcs, values := pkg.Funcs, append(pkg.Consts, pkg.Vars...)
	for _, typ := range pkg.Types {
		names, funcs = append(names, typ.Name), append(funcs, typ.Funcs...)
	}
	for _, f := range funcs {
		names = append(names, f.Name)
	}
	for _, group := range values {
		for _, name := range group.Names {
			if ast.IsExported(name) {
				names = append(names, name)
			}
		}
	}
	return names
}
