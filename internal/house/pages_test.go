package house

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// examples are the files from which the pages show pieces.
var examples = []string{
	"example_test.go", "example_held_test.go", "example_migrating_test.go", "leadertest/example_test.go", "lease/memory/memory_test.go", "lease/dynamodb/example_test.go",
	"lease/s3/example_test.go", "lease/gcs/example_test.go", "lease/azblob/example_test.go",
	"leaderhttp/example_test.go", "leaderui/example_test.go", "internal/oteltest/example_test.go", "fence/example_test.go", "fleet/example_test.go",
	"checkpoint/example_catchup_test.go", "checkpoint/example_fleet_test.go",
}

// pages returns the pages for people: all of the tree, those that are not committed yet included.
func pages(t *testing.T) (names []string) {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md")
	list.Dir = filepath.Join("..", "..")
	files, err := list.Output()
	require.NoError(t, err, "git ls-files")
	for name := range strings.SplitSeq(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(name))); err == nil && !strings.HasPrefix(name, ".github/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	require.Greater(t, len(names), 20)
	return names
}

var goBlock = regexp.MustCompile("(?ms)^ *```go\n(.*?)^ *```$")

// Every Go block of a page is a file that compiles and shows its imports; it may leave out the package clause. Each of its
// declarations is tested: it occurs in one of the examples, a main function as the body of an Example.
func TestPagesCompile(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for _, file := range examples {
		code.WriteString(flat(read(t, file)) + "\n")
	}
	programs := map[string]string{}
	for _, page := range pages(t) {
		for n, block := range goBlock.FindAllStringSubmatch(read(t, page), -1) {
			name, program := fmt.Sprintf("%s %d", page, n+1), unindented(block[1])
			_, declarations, ok := strings.Cut(program, "\n)\n")
			if !assert.True(t, ok && strings.Contains(program, "import ("), "%s: begin it with its imports, import ( ... )", name) {
				continue
			}
			programs[name] = packageClause.ReplaceAllString(program, "")
			for _, d := range strings.SplitAfter(declarations, "\n}\n") {
				piece, _ := strings.CutPrefix(flat(d), "func main() {\n")
				assert.Contains(t, code.String(), piece, "%s: it is to be a piece of %s", name, strings.Join(examples, ", "))
			}
		}
	}
	require.Greater(t, len(programs), 8)
	compile(t, programs)
}

var packageClause = regexp.MustCompile(`(?m)^package \w+$`)

// compile compiles programs, each as a package of this module. Only the go command sees these packages, by an overlay.
func compile(t *testing.T, programs map[string]string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	dir, overlay, args := t.TempDir(), map[string]string{}, []string{"build", "-overlay", ""}
	for name, program := range programs {
		pkg := "pageblocks/" + strings.NewReplacer("/", "_", ".", "_", " ", "_").Replace(name)
		file := filepath.Join(dir, filepath.Base(pkg)+".go")
		require.NoError(t, os.WriteFile(file, []byte("package block\n"+program), 0o600))
		overlay[filepath.Join(root, filepath.FromSlash(pkg), "block.go")] = file
		args = append(args, "./"+pkg)
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	require.NoError(t, err)
	args[2] = filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(args[2], list, 0o600))
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// unindented returns a block without the indentation of the list around it.
func unindented(block string) string {
	indent := block[:len(block)-len(strings.TrimLeft(block, " "))]
	var lines []string
	for line := range strings.Lines(block) {
		lines = append(lines, strings.TrimPrefix(line, indent))
	}
	return strings.Join(lines, "")
}

// Every statement of an SQL block is in the example that is tested.
func TestPagesShowTestedSQL(t *testing.T) {
	t.Parallel()
	code, found := read(t, "fence/dialect.go")+read(t, "fence/example_test.go"), 0
	for _, page := range pages(t) {
		for _, block := range regexp.MustCompile("(?ms)^```sql\n(.*?)^```$").FindAllStringSubmatch(read(t, page), -1) {
			for line := range strings.Lines(block[1]) {
				statement, _, _ := strings.Cut(line, "--")
				found++
				assert.Contains(t, code, strings.TrimSpace(statement), page)
			}
		}
	}
	require.NotZero(t, found)
}

// Every link to a file, and to a heading of a page, leads somewhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	for _, page := range pages(t) {
		for _, l := range linksOf(t, page) {
			_, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(l.file)))
			if !assert.NoError(t, err, "%s links to %s", page, l.written) || l.anchor == "" {
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(read(t, l.file), -1) {
				anchors = append(anchors, anchorOf(h[1]))
			}
			assert.Contains(t, anchors, l.anchor, "%s links to %s", page, l.written)
		}
	}
}

// A link leads to a file of the tree, or to a heading in it.
type link struct{ written, file, anchor string }

var linked = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// linksOf returns a page's links to files of the tree.
func linksOf(t *testing.T, page string) (links []link) {
	t.Helper()
	for _, found := range linked.FindAllStringSubmatch(read(t, page), -1) {
		target, anchor, _ := strings.Cut(found[1], "#")
		if strings.Contains(target, "://") {
			continue
		}
		file := page
		if target != "" {
			file = path.Join(path.Dir(page), target)
		}
		links = append(links, link{found[1], file, anchor})
	}
	return links
}

// A reader who begins at README.md and follows links comes to every page.
func TestEveryPageIsReached(t *testing.T) {
	t.Parallel()
	reached := map[string]bool{}
	for next := []string{"README.md"}; len(next) > 0; next = next[1:] {
		if page := next[0]; path.Ext(page) == ".md" && !reached[page] {
			reached[page] = true
			for _, l := range linksOf(t, page) {
				next = append(next, l.file)
			}
		}
	}
	for _, page := range pages(t) {
		assert.True(t, reached[page], "no page that README.md leads to links to %s", page)
	}
}

// A file or a folder that a page names in code is there.
func TestPagesNameFiles(t *testing.T) {
	t.Parallel()
	all := map[string]bool{}
	for _, name := range tracked(t) {
		for parts := strings.Split(name, "/"); len(parts) > 0; parts = parts[1:] { // a page may name it from its own folder on
			for end := range parts {
				all[strings.Join(parts[:end+1], "/")] = true
			}
		}
	}
	top, file, found := regexp.MustCompile(`^(bench|cmd|deploy|docs|examples|fence|fleet|internal|lease)/[\w./-]+$`), regexp.MustCompile(`^[\w./-]*\w\.(go|html|json|md|tf|yaml)$`), 0
	for _, page := range pages(t) {
		for _, code := range quotedCode.FindAllStringSubmatch(fencedCode.ReplaceAllString(read(t, page), ""), -1) {
			name := strings.TrimSuffix(code[1], "/")
			if !top.MatchString(name) && !file.MatchString(name) {
				continue
			}
			found++
			dir, last := path.Split(name) // lease/leasetest.TestStore is in lease/leasetest
			last, _, _ = strings.Cut(last, ".")
			assert.True(t, all[name] || all[dir+last], "%s names `%s`, and nothing is called so", page, code[1])
		}
	}
	require.Greater(t, found, 100)
}

// A link to a thread in a tracker is named after it: leader#7.
func TestThreadsAreNamed(t *testing.T) {
	t.Parallel()
	thread, found := regexp.MustCompile(`\[([^\]]*)\]\(https://github\.com/[\w.-]+/([\w.-]+)/(?:issues|pull)/(\d+)\)`), 0
	for _, page := range pages(t) {
		for _, link := range thread.FindAllStringSubmatch(read(t, page), -1) {
			found++
			assert.Equal(t, link[2]+"#"+link[3], link[1], page)
		}
	}
	require.Greater(t, found, 20)
}

// Every command of the pages, of the Makefile and of comments that names a package finds it in the module where it runs.
func TestCommandsFindTheirPackages(t *testing.T) {
	t.Parallel()
	command, found := regexp.MustCompile(`\bgo (?:-C ([\w./-]+) )?(?:run|test|vet|build)\b((?: [^ \n`+"`"+`&|;]+)+)`), 0
	for _, name := range append(tracked(t), pages(t)...) {
		if !slices.Contains([]string{".go", ".md", ""}, path.Ext(name)) || strings.HasSuffix(name, "_test.go") || path.Base(name) == "LICENSE" {
			continue
		}
		for _, c := range command.FindAllStringSubmatch(read(t, name), -1) {
			for word := range strings.FieldsSeq(c[2]) {
				dir, isDir := strings.CutPrefix(strings.TrimRight(word, ".,:)"), "./")
				if !isDir {
					continue
				}
				found++
				in, dir := path.Clean(c[1]), path.Join(c[1], strings.TrimSuffix(dir, "/"))
				_, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(dir)))
				assert.NoError(t, err, "%s: %s", name, c[0])
				assert.Equal(t, in, moduleOf(dir), "%s: %s: this package is in another module", name, c[0])
			}
		}
	}
	require.Greater(t, found, 20)
}

// moduleOf returns the module that a directory is in.
func moduleOf(dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if slices.Contains(modules, dir) {
			return dir
		}
	}
	return "."
}

// anchorOf returns GitHub's anchor of a heading: lower case, no punctuation, a hyphen for each space.
func anchorOf(heading string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// The tables in docs/options.md and docs/fleets.md have every option.
func TestEveryOptionIsExplained(t *testing.T) {
	for page, code := range map[string]string{"docs/options.md": "options.go", "docs/fleets.md": "fleet/options.go"} {
		text := read(t, page)
		options := regexp.MustCompile(`(?m)^func ([A-Z]\w+)\(.*\) Option `).FindAllStringSubmatch(read(t, code), -1)
		require.Greater(t, len(options), 10)
		for _, option := range options {
			require.True(t, regexp.MustCompile("(?m)^\\| .*`"+option[1]+`\(`).MatchString(text), "%s has no %s in its table", page, option[1])
		}
	}
}

// A directory is of one machine. A page with a program that keeps its leases there says so, or names another store.
func TestProgramsShareTheirStore(t *testing.T) {
	t.Parallel()
	found := 0
	for _, page := range pages(t) {
		text := read(t, page)
		for _, block := range goBlock.FindAllStringSubmatch(text, -1) {
			if strings.Contains(block[1], "func main()") && strings.Contains(block[1], "/lease/file\"") {
				found++
				assert.Regexp(t, `in one directory|one machine|that they share`, text, page)
			}
		}
	}
	require.GreaterOrEqual(t, found, 2)
}

// A program that ends by SIGTERM releases its lease first: each main function of a page that runs a Leader or a Fleet ends its context then, and
// so does each example that nothing runs.
func TestProgramsReleaseOnSIGTERM(t *testing.T) {
	t.Parallel()
	main, runs, found := regexp.MustCompile(`(?ms)^func (?:main|Example\w*)\(\) \{\n(.*?)^\}`), regexp.MustCompile(`\.(Run|RunOnce)\(`), 0
	for _, name := range append(pages(t), examples...) {
		for _, program := range main.FindAllStringSubmatch(read(t, name), -1) {
			if runs.MatchString(program[1]) && !strings.Contains(program[1], "// Output:") {
				found++
				assert.Contains(t, program[1], "signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)", name)
			}
		}
	}
	require.Greater(t, found, 12)
}

// A page that shows Follow names the hosts that may be asked: the address is in the lease, where anybody who may write to the store can change it.
func TestFollowNamesItsHosts(t *testing.T) {
	t.Parallel()
	shown := regexp.MustCompile(`leaderhttp\.Follow\((leaderhttp\.FollowHosts\("|\.\.\.\))?`)
	found := 0
	for _, page := range pages(t) {
		for _, call := range shown.FindAllStringSubmatch(read(t, page), -1) {
			found++
			assert.NotEmpty(t, call[1], "%s: %s", page, call[0])
		}
	}
	require.GreaterOrEqual(t, found, 4)
}

// No page has nodes restarted or replaced because the store is down: /healthz is 503 on all of them meanwhile.
func TestNothingRestartsByHealthz(t *testing.T) {
	t.Parallel()
	restarts, not := regexp.MustCompile(`liveness|[Rr]eplace|[Rr]estart`), regexp.MustCompile(`\b([Nn]o|not)\b`)
	found := 0
	for _, page := range append(pages(t), "leaderhttp/doc.go", "examples/service/main.go") {
		for _, paragraph := range regexp.MustCompile(`\n(//)?\n`).Split(read(t, page), -1) {
			if strings.Contains(paragraph, "/healthz") && restarts.MatchString(paragraph) {
				found++
				assert.Regexp(t, not, paragraph, page)
			}
		}
	}
	require.GreaterOrEqual(t, found, 3)
}

// Who is to lead next is asked at /standby: a node that is paused is healthy, and would not take the lease.
func TestTheNextNodeIsAskedAtStandby(t *testing.T) {
	t.Parallel()
	runbook := read(t, "docs/operating.md")
	for name, text := range map[string]string{
		"handover --help":     between(t, read(t, "cmd/leader/handover.go"), "Nobody can tell from the store whether", "\n\n"),
		"handover":            between(t, read(t, "cmd/leader/handover.go"), "Nobody checks that", "\n"),
		"leader ui":           between(t, read(t, "leaderui/page.html"), "Nobody can check from here whether", "</p>"),
		"Hand over":           between(t, runbook, "1. Check that `NODE`", "\n2. "),
		"There is no standby": between(t, runbook, "### There is no standby", "\n### "),
		"Nobody leads":        between(t, runbook, "2. It says *free* or *expired*", "\n3. "),
	} {
		assert.Contains(t, text, "/standby", name)
		assert.NotRegexp(t, `[Aa]sk[^.]*/healthz|[Ll]ook at[^.]*/healthz`, text, name)
	}
}

// between returns what stands in a text from the beginning of one part to the next end.
func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, part, found := strings.Cut(text, begin)
	require.True(t, found, begin)
	part, _, found = strings.Cut(part, end)
	require.True(t, found, end)
	return begin + part
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
