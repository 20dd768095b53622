package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// identifier matches words that mean something only in a Go program.
var identifier = regexp.MustCompile(`\bWith(out)?[A-Z]\w+|\b(dynamodb|s3|gcs|azblob|file|lease|leader|memory|storage)\.[A-Z]\w+|\bimport\b|with (Reset|For|SetValue)\b`)

// constant is a text that is written in several pieces.
func constant(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr: // of what is not a constant, a quoted word stands for it
		left, isLeft := constant(e.X)
		right, isRight := constant(e.Y)
		return left + right, e.Op == token.ADD && (isLeft || isRight)
	}
	return "X", false
}

// textsOf are all texts in the code of a directory, and below it, that are not names of options alone.
func textsOf(t *testing.T, dir string) (texts []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && strings.HasSuffix(path, "leasetest") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || entry.Name() == "words.go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if _, is := n.(*ast.ImportSpec); is {
				return false
			}
			e, is := n.(ast.Expr)
			if !is {
				return true
			}
			text, is := constant(e)
			if is {
				texts = append(texts, text)
			}
			return !is
		})
		return nil
	}))
	return texts
}

// Whatever a store, the library or the command may say, the command shows no identifier of Go in it.
func TestErrorsAreInTheCommandsWords(t *testing.T) {
	t.Parallel()
	var found int
	for _, dir := range []string{"../../../../lease", "../../../../checkpoint", "../../../../internal/awsopen", "../../../../internal/storeurl", "../../../../internal/redact", "../.."} {
		for _, text := range textsOf(t, dir) {
			if identifier.MatchString(text) {
				found++
			}
			require.NotRegexp(t, identifier, Own(text), "in %s: %s", dir, text)
		}
	}
	require.Greater(t, found, 10, "the test finds them")
	for flag, text := range map[string]string{
		"--lease-length 1ns":                  "--lease-length 1ns",
		"--hold-at-least: 20s is more than":   "WithHoldAtLeast: 20s is more than",
		"the time to stop":                    "WithStopMargin",
		`is at "b": name that host with --fo`: `leaderhttp.Follow: the holder "a" is at "b", which FollowHosts does not name`,
		"of 15s holds, less its margin and ":  "of 15s holds, less its margin and WithStopMargin",
	} {
		require.Contains(t, Own(text), flag)
	}
}

// Each thing that is to be said otherwise is said somewhere.
func TestNoWordsAreIdle(t *testing.T) {
	t.Parallel()
	all := strings.Join(textsOf(t, "../../../.."), "\n")
	for _, w := range words {
		require.Regexp(t, w.said, all)
	}
}
