package house

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A user is a module that has this library from the tree.
type user struct {
	t   *testing.T
	dir string
}

// newUser makes a module whose program imports packages: ours by the path below the module's, others by their whole path. It
// requires other modules as module@version.
func newUser(t *testing.T, packages, requires []string) user {
	t.Helper()
	u := user{t, t.TempDir()}
	tree, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	var program strings.Builder
	program.WriteString("package main\n\nimport (\n")
	uses := false
	for _, p := range packages {
		if first, _, _ := strings.Cut(p, "/"); p == root || !strings.Contains(first, ".") {
			p, uses = path.Join(module, p), true
		}
		fmt.Fprintf(&program, "\t_ %q\n", p)
	}
	program.WriteString(")\n\nfunc main() {}\n")
	require.NoError(t, os.WriteFile(filepath.Join(u.dir, "main.go"), []byte(program.String()), 0o600))
	mod := "module example.com/user\n\ngo 1.26.0\n"
	if uses {
		mod += "\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + tree + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(u.dir, "go.mod"), []byte(mod), 0o600))
	for _, r := range requires {
		u.run("mod", "edit", "-require="+r)
	}
	u.run("mod", "tidy")
	return u
}

func (u user) run(args ...string) string {
	u.t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = u.dir
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		require.NoError(u.t, err, "go %v: %s", args, exit.Stderr)
	}
	require.NoError(u.t, err)
	return string(out)
}

// versions are those of the modules that the user's program compiles, this library aside.
func (u user) versions() map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(u.run("list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", ".")) {
		if name, version, _ := strings.Cut(strings.TrimSpace(line), " "); name != module && version != "" {
			all[name] = version
		}
	}
	return all
}

var (
	goSumRow  = regexp.MustCompile("(?m)^\\| `leader`, `([a-z0-9/]+)` \\| ([0-9]+) \\|")
	goSumRest = regexp.MustCompile("(?m)^\\| `leader` and each package that is not named below \\| ([0-9]+) \\|")
)

// A program gets no more lines in its go.sum than docs/importing.md says, whichever package it imports.
func TestLinesInGoSum(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/importing.md")
	want := map[string]string{}
	for _, row := range goSumRow.FindAllStringSubmatch(page, -1) {
		want[row[1]] = row[2]
	}
	rest := goSumRest.FindStringSubmatch(page)
	require.NotNil(t, rest)
	packages, err := listIn(root, "linux")
	require.NoError(t, err)
	notForUsers := []string{root, "internal/...", "cmd/...", "examples/...", "localstack/...", "fence/elsewhere"} // the last has tests alone
	for _, p := range packages {
		name, ours := relative(p.ImportPath)
		if !ours || matchesAny(notForUsers, name) {
			continue
		}
		u := newUser(t, []string{root, name}, nil)
		sum, err := os.ReadFile(filepath.Join(u.dir, "go.sum"))
		require.NoError(t, err)
		lines := cmp.Or(want[name], rest[1])
		delete(want, name)
		assert.Equal(t, lines, strconv.Itoa(strings.Count(string(sum), "\n")), "%s: if it cannot be less, write it into docs/importing.md", name)
	}
	assert.Empty(t, want, "rows of packages that are not there")
}

// lastYear has a program's modules of November 2025, packages of them, and packages of ours that go with them.
var lastYear = []struct{ requires, packages, ours []string }{
	{
		[]string{"github.com/aws/aws-sdk-go-v2/config@v1.32.2", "github.com/aws/aws-sdk-go-v2/service/dynamodb@v1.53.2", "github.com/aws/aws-sdk-go-v2/service/s3@v1.92.1"},
		[]string{"github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/service/dynamodb", "github.com/aws/aws-sdk-go-v2/service/s3"},
		[]string{"lease/dynamodb", "lease/s3"},
	},
	{
		[]string{"cloud.google.com/go/storage@v1.57.2", "google.golang.org/api@v0.256.0"},
		[]string{"cloud.google.com/go/storage", "google.golang.org/api/option"},
		[]string{"lease/gcs"},
	},
	{
		[]string{"github.com/Azure/azure-sdk-for-go/sdk/azcore@v1.20.0", "github.com/Azure/azure-sdk-for-go/sdk/azidentity@v1.13.1", "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob@v1.6.3"},
		[]string{"github.com/Azure/azure-sdk-for-go/sdk/azidentity", "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"},
		[]string{"lease/azblob/byurl"},
	},
	{
		[]string{"go.opentelemetry.io/otel@v1.38.0", "go.opentelemetry.io/otel/metric@v1.38.0"},
		[]string{"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/metric"},
		[]string{"leaderotel"},
	},
	{
		[]string{"github.com/spf13/cobra@v1.9.1", "github.com/spf13/pflag@v1.0.7", "github.com/gofrs/flock@v0.12.1", "github.com/fatih/color@v1.16.0"},
		[]string{"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/gofrs/flock", "github.com/fatih/color"},
		[]string{"lease/file"},
	},
}

// A program with the SDKs of a year ago keeps their versions, and those of what they need, when it begins to use this library. The
// modules of Go itself, golang.org/x, are another matter: one go.mod has them for all stores, and they stay compatible.
func TestImportingRaisesNothing(t *testing.T) {
	t.Parallel()
	for _, year := range lastYear {
		without := newUser(t, year.packages, year.requires).versions()
		for _, ours := range [][]string{{root, "lease/file", "leaderhttp"}, append([]string{root}, year.ours...)} {
			for name, version := range newUser(t, append(ours, year.packages...), year.requires).versions() {
				if before, had := without[name]; had && !strings.HasPrefix(name, "golang.org/x/") {
					assert.Equal(t, before, version, "%s is raised in a program with %v and our %v: ask for less in go.mod", name, year.requires, ours)
				}
			}
		}
	}
}
