package house

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pages are what people read first.
var pages = []string{"README.md", "CONTRIBUTING.md"}

// examples are the files from which the pages show pieces.
var examples = []string{
	"example_test.go", "leadertest/example_test.go", "lease/file/conformance_test.go", "lease/dynamodb/example_test.go",
	"lease/s3/example_test.go", "lease/gcs/example_test.go", "lease/azblob/example_test.go",
	"leaderhttp/example_test.go", "leaderotel/example_test.go",
}

var goBlock = regexp.MustCompile("(?ms)^ *```go\n(.*?)^ *```$")

// Every Go block of a page is tested code: a piece of an example, or a whole program.
func TestPagesCompile(t *testing.T) {
	var code strings.Builder
	for _, file := range examples {
		code.WriteString(read(t, file))
	}
	for _, page := range pages {
		for n, block := range goBlock.FindAllStringSubmatch(read(t, page), -1) {
			t.Run(fmt.Sprintf("%s %d", page, n+1), func(t *testing.T) {
				piece := block[1]
				if strings.HasPrefix(piece, "package main\n") {
					vet(t, piece)
					_, piece, _ = strings.Cut(piece, "\n)\n") // what follows the imports
					piece = strings.Replace(piece, "func main()", "func Example()", 1)
				}
				require.Contains(t, flat(code.String()), flat(piece), "it is to be a piece of %s", strings.Join(examples, ", "))
			})
		}
	}
}

// The README's table has every option.
func TestReadmeHasEveryOption(t *testing.T) {
	readme := read(t, "README.md")
	options := regexp.MustCompile(`(?m)^func ([A-Z]\w+)\(.*\) Option `).FindAllStringSubmatch(read(t, "options.go"), -1)
	require.Greater(t, len(options), 10)
	for _, option := range options {
		require.True(t, regexp.MustCompile("(?m)^\\| .*`"+option[1]+`\(`).MatchString(readme), "README.md's table has no %s", option[1])
	}
}

// vet compiles a program of another module, which requires this one.
func vet(t *testing.T, program string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
	out, err := exec.Command("go", "vet", file).CombinedOutput()
	require.NoError(t, err, string(out))
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
	require.NoError(t, err)
	return string(text)
}

// flat returns code without its indentation and its empty lines.
func flat(code string) string {
	var lines []string
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
