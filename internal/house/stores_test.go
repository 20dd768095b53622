package house

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// storeLists are the places that list the stores, as CONTRIBUTING.md says. SCHEME stands for that of the store's
// URLs, PACKAGE for the folder of its package.
var storeLists = []struct {
	file, entry string
	without     []string // schemes that are not listed there
}{
	{"lease/open.go", `"SCHEME": `, nil},
	{"cmd/leader/app.go", `SCHEME:`, []string{"mem"}},
	{"cmd/leader/completion.go", `"SCHEME": `, []string{"mem"}},
	{"internal/emulated/emulated.go", `"SCHEME:`, []string{"mem", "file"}},
	{"internal/storeurl/everystore/open_test.go", `"SCHEME"`, nil},
	{"internal/storeurl/urltest/urltest.go", `"SCHEME": `, nil},
	{"internal/house/sdk_test.go", `"PACKAGE": `, []string{"mem", "file"}},
	{"docs/stores.md", `/PACKAGE"`, []string{"mem", "file"}}, // in a program; the file store is in README.md
	{"docs/choosing.md", "PACKAGE`", nil},
	{"README.md", "| `PACKAGE` |", []string{"mem"}},
	{"CONTRIBUTING.md", "`PACKAGE`", nil},
}

// A store that Open finds is named wherever the others are, and the command has it.
func TestEveryStoreIsNamedWhereTheOthersAre(t *testing.T) {
	t.Parallel()
	registers := regexp.MustCompile(`lease\.Register\("(\w+)"`)
	var command strings.Builder
	goFiles(t, "cmd/leader", true, func(file, text string) {
		if !strings.HasSuffix(file, "_test.go") {
			command.WriteString(text)
		}
	})
	spaces := regexp.MustCompile(` +`)
	found := 0
	for _, name := range tracked(t) {
		if !strings.HasPrefix(name, "lease/") || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		match := registers.FindStringSubmatch(commentless(read(t, name)))
		if match == nil {
			continue
		}
		found++
		scheme, folder := match[1], strings.TrimSuffix(path.Dir(name), "/byurl")
		if scheme != "mem" {
			assert.Contains(t, command.String(), `"`+path.Join(module, path.Dir(name))+`"`, "cmd/leader imports no package for %s", scheme)
		}
		for _, list := range storeLists {
			entry := strings.NewReplacer("SCHEME", scheme, "PACKAGE", folder).Replace(list.entry)
			listed := strings.Contains(spaces.ReplaceAllString(read(t, list.file), " "), entry)
			assert.Equal(t, !slices.Contains(list.without, scheme), listed, "%s: whether it has %q, of the store with the URLs %s:", list.file, entry, scheme)
		}
	}
	require.Greater(t, found, 5)
}

// commentless returns the code of a file.
func commentless(text string) string {
	return regexp.MustCompile(`(?m)//.*$`).ReplaceAllString(text, "")
}
