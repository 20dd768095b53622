package house

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A phrase makes a reader parse a sentence twice.
type phrase struct {
	part    string // of each text that matches: most lines have none
	is      *regexp.Regexp
	instead string
}

var phrases = []phrase{
	{" what", regexp.MustCompile(`\b(is|are|was|were) what\b`), "begin with the verb: X returns ..., X has ..."},
	{"hoever", regexp.MustCompile(`\b[Ww]hoever\b`), "name the actor: the caller, the holder, a node"},
	{" own", regexp.MustCompile(`\bof (its|their|his|your|our) own\b *([.,;:)"]|$)`), "its own X, a separate X, another X"},
	{"mend", regexp.MustCompile(`\bmend(s|ed|ing)?\b`), "repair, correct; an error is temporary or permanent"},
	{"ood", regexp.MustCompile(`\bfor good\b|\bforGood`), "permanent"},
}

// prose are the kinds of files with texts that people write, and read.
var prose = []string{".go", ".md", ".py", ".sh", ".yaml", ".html", ".cfg", ".service", ".timer"}

// Comments, messages and pages are in plain English.
func TestPlainEnglish(t *testing.T) {
	t.Parallel()
	files := 0
	for _, name := range tracked(t) {
		self := name == "internal/house/prose_test.go"
		if self || !slices.Contains(prose, path.Ext(name)) && path.Base(name) != "Makefile" {
			continue
		}
		files++
		for _, problem := range unplain(read(t, name)) {
			assert.Fail(t, name+":"+problem)
		}
	}
	require.Greater(t, files, 250)
}

// unplain returns each phrase of a text: its line, and what to write instead.
func unplain(text string) (problems []string) {
	for n, line := range strings.Split(text, "\n") {
		for _, p := range phrases {
			if !strings.Contains(line, p.part) {
				continue
			}
			if found := p.is.FindString(line); found != "" {
				problems = append(problems, fmt.Sprintf("%d: %q: write it plainly: %s", n+1, found, p.instead))
			}
		}
	}
	return problems
}

// The list finds each of its phrases, and leaves similar texts alone.
func TestUnplainIsFound(t *testing.T) {
	t.Parallel()
	for text, found := range map[string]int{
		"// name is what the lease is called.":               1,
		"// These are what a store needs, whoever asks.":     2,
		"// a connection of its own, which it closes":        1,
		"// each has a machine of its own":                   1,
		"// the cause of its own conflict":                   0,
		"// it will not mend itself":                         1,
		"// recommend it, and amend the rest":                0,
		"func forGood() // an error that stays for good":     1,
		"// it says what it is, and is whatever you like":    0,
		"// Run returns the work's error; Whoever sent that": 1,
	} {
		require.Len(t, unplain(text), found, text)
	}
}

// A page that lists its headings at the top lists all of them.
func TestPagesListTheirHeadings(t *testing.T) {
	t.Parallel()
	heading, list := regexp.MustCompile(`(?m)^## (.*)$`), regexp.MustCompile(`(?m)^- \[[^]]*\]\(#`)
	listed := 0
	for _, page := range pages(t) {
		content := read(t, page)
		top, _, _ := strings.Cut(content, "\n## ")
		if !list.MatchString(top) {
			continue
		}
		listed++
		for _, h := range heading.FindAllStringSubmatch(content, -1) {
			assert.True(t, strings.Contains(top, "["+h[1]+"](#"+anchorOf(h[1])+")"), "%s does not list %q at its top", page, h[1])
		}
	}
	require.Greater(t, listed, 15, "pages with a list")
}

// What the pages name exists: functions, types and options, make's targets, flags of the command.
func TestPagesNameWhatExists(t *testing.T) {
	t.Parallel()
	known := declared(t, "checkpoint", "doctor", "fence", "leaderhttp", "leaderotel", "leaderui", "leadertest", "cmd", "internal")
	for _, alert := range regexp.MustCompile(`(?m)^ *- alert: (\w+)$`).FindAllStringSubmatch(read(t, "docs/operating/alerts.yaml"), -1) {
		known[alert[1]] = true
	}
	makefile, settings := read(t, "Makefile"), settings(t)
	var command strings.Builder
	goFiles(t, "cmd/leader", true, func(_, text string) { command.WriteString(text) })
	foreign := regexp.MustCompile(`^(f|db|slog|signal|storage|errors)\.|^Date$`)
	name := regexp.MustCompile(`^\*?(?:[a-z]\w*\.)?([A-Z]\w*[a-z]\w*)(?:\(.*)?$`)
	theirs := regexp.MustCompile(`(?m)^\| [^|]* \|`) // the first cell of docs/migrating.md names what other libraries have
	for _, page := range pages(t) {
		if page == "docs/benchmarks.md" || page == "docs/design.md" { // the latter has a test of its names
			continue
		}
		content := read(t, page)
		if page == "docs/migrating.md" {
			content = theirs.ReplaceAllString(content, "|")
		}
		for _, code := range quotedCode.FindAllStringSubmatch(fencedCode.ReplaceAllString(content, ""), -1) {
			if found := name.FindStringSubmatch(code[1]); found != nil && !foreign.MatchString(code[1]) {
				assert.True(t, known[found[1]] || strings.HasPrefix(page, "deploy/") && strings.Contains(settings, found[1]), "%s names `%s`, and nothing is called so", page, code[1])
			}
		}
		for _, target := range regexp.MustCompile("(?m)(?:`|^    )make ([a-z]+)").FindAllStringSubmatch(content, -1) {
			assert.Contains(t, makefile, "\n"+target[1]+":", "%s names a target of make that there is not", page)
		}
		for _, flag := range regexp.MustCompile("`--([a-z-]+)`| --([a-z-]+) .* -- ").FindAllStringSubmatch(content, -1) {
			assert.Contains(t, command.String(), `"`+flag[1]+flag[2]+`"`, "%s names a flag that leader has not", page)
		}
	}
}

// settings returns the text of the files to deploy, which have the platforms' settings that their pages name.
func settings(t *testing.T) string {
	var all strings.Builder
	for _, name := range tracked(t) {
		if strings.HasPrefix(name, "deploy/") && path.Ext(name) != ".md" {
			all.WriteString(read(t, name))
		}
	}
	return all.String()
}

var fencedCode = regexp.MustCompile("(?ms)^ *```.*?^ *```$")

// CONTRIBUTING.md says where everything is: each folder at the top, each package of some folders, and nothing that is not there.
func TestContributingHasEveryPackage(t *testing.T) {
	t.Parallel()
	content := read(t, "CONTRIBUTING.md")
	below := regexp.MustCompile(`^(cmd/leader/internal|examples|fleet|internal/stress|internal|lease)/[^/]+/`)
	above := regexp.MustCompile(`^[^/]+/`)
	seen, exists := map[string]bool{}, map[string]bool{}
	for _, name := range tracked(t) {
		for dir := name; dir != "."; dir = path.Dir(dir) {
			exists[dir] = true
		}
		for _, folder := range []string{above.FindString(name), below.FindString(name)} {
			if path.Ext(name) == ".go" && folder != "" {
				seen[strings.TrimSuffix(folder, "/")] = true
			}
		}
	}
	require.Greater(t, len(seen), 50)
	_, table, _ := strings.Cut(content, "## Where things are\n")
	table, _, found := strings.Cut(table, "\n## ")
	require.True(t, found)
	var named []string
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| `") {
			where, _, _ := strings.Cut(line[2:], " |")
			for _, name := range regexp.MustCompile("`([^`*]+)`").FindAllStringSubmatch(where, -1) {
				named = append(named, strings.TrimSuffix(name[1], "/"))
			}
		}
	}
	for _, name := range named {
		assert.True(t, exists[name], "CONTRIBUTING.md says what is in %s, which is not there", name)
	}
	for folder := range seen {
		has := func(name string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }
		assert.True(t, slices.ContainsFunc(named, has), "CONTRIBUTING.md does not say what is in %s", folder)
	}
}
