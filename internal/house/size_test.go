package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The limits that CONTRIBUTING.md states.
const (
	mostLines    = 400     // of a Go file
	mostFunction = 50      // lines of a function, tests excepted: theirs are mostly tables
	mostBytes    = 1 << 20 // of any file: a program that was compiled in the wrong place stays in the history for ever
	mostReadme   = 205     // lines of README.md: a newcomer reads it at one go
)

// long are the functions that are longer, and why.
var long = map[string]string{
	"bench/crowd/main.go measure":                      "one measurement, read from top to bottom",
	"bench/internal/service/postgres.go startPostgres": "the steps of one server's start",
	"cmd/leader/doctor.go doctorCommand":               "its help is half of it",
	"cmd/leader/internal/guard/program_windows.go Run": "the life of one process, whose handles are closed in reverse",
	"cmd/leader/ui.go uiCommand":                       "its help is half of it",
	"cmd/leader/watch.go watchCommand":                 "its help is half of it",
	"examples/service/main.go run":                     "a program to copy, in the order in which it happens",
	"internal/platforms/dll.go forwarder":              "a file format, field by field",
	"internal/simulate/shrink.go smaller":              "one table",
	"validate.go validate":                             "one table",
}

func TestSizes(t *testing.T) {
	reasons := 0
	for _, name := range tracked(t) {
		info, err := os.Lstat(filepath.Join("..", "..", name))
		if os.IsNotExist(err) {
			continue // it was removed, and that is not committed yet
		}
		require.NoError(t, err)
		require.Less(t, info.Size(), int64(mostBytes), "%s", name)
		if filepath.Ext(name) != ".go" {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, read(t, name), 0)
		require.NoError(t, err)
		line := func(at token.Pos) int { return files.Position(at).Line }
		require.Less(t, line(file.End()), mostLines, "lines of %s", name)
		for _, decl := range file.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok || strings.HasSuffix(name, "_test.go") || line(function.End())-line(function.Pos())+1 < mostFunction {
				continue
			}
			reasons++
			require.NotEmpty(t, long[name+" "+function.Name.Name], "%s: %s has %d lines or more", name, function.Name.Name, mostFunction)
		}
	}
	require.Len(t, long, reasons, "what has become shorter needs no reason")
}

// README.md is short. The details are in docs.
func TestReadmeIsShort(t *testing.T) {
	require.LessOrEqual(t, strings.Count(read(t, "README.md"), "\n"), mostReadme, "move details to docs")
}

// tracked returns the names of the repository's files.
func tracked(t *testing.T) []string {
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = filepath.Join("..", "..")
	files, err := list.Output()
	require.NoError(t, err, "git ls-files")
	return strings.Split(strings.TrimSuffix(string(files), "\x00"), "\x00")
}
