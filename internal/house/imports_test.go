// Package house holds the tests of the house rules: which package may import which, what code may show URLs, and that the
// pages' code compiles and docs/design.md names only what exists.
package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/cloudlease/leader"
	root   = "." // the module's root, as a rule names it
	all    = "..."
)

// A rule says which packages of this module the code of some packages may import, tests aside. It also says whether they must
// do without packages of other modules, indirect imports included.
type rule struct {
	of       string // a package, or all packages below one: internal/...
	may      []string
	standard bool // nothing but the standard library and this module
}

// rules give all imports one direction: examples, cmd -> leader, leaderhttp, leaderotel -> lease <- lease/<store>. The first
// rule that matches a package applies to it.
var rules = []rule{
	{of: root, may: []string{"lease", "lease/memory", "internal/absent", "internal/callbacks", "internal/host"}, standard: true},
	{of: "lease", may: []string{"internal/absent", "internal/firstseen", "internal/host", "internal/plainjson", "internal/redact"}, standard: true},
	{of: "lease/memory", may: []string{"lease", "internal/host", "internal/storeurl"}, standard: true},
	{of: "lease/leasetest", may: []string{"lease", "internal/host", "internal/hosttest"}, standard: true},
	{of: "lease/azblob/byurl", may: []string{"lease", "lease/azblob"}},
	{of: "lease/...", may: []string{"lease", "internal/..."}}, // a store, with its SDK
	{of: "checkpoint", may: []string{"lease", "internal/plainjson"}, standard: true},
	{of: "fence/elsewhere"}, // examples
	{of: "fence", may: []string{"lease", "internal/failure"}, standard: true},
	{of: "fleet", may: []string{root, "lease", "internal/absent", "internal/callbacks", "internal/host", "internal/plainjson"}, standard: true},
	{of: "fleet/fleettest", may: []string{"fleet", "leadertest", "lease", "lease/memory", "internal/host", "internal/hosttest"}, standard: true},
	{of: "doctor", may: []string{root, "lease", "lease/file", "internal/absent", "internal/patience", "internal/serverclock", "internal/storeurl"}},
	{of: "leadertest", may: []string{"lease", "lease/memory", "internal/absent"}, standard: true},
	{of: "leaderhttp", may: []string{root, "lease", "fleet", "internal/absent", "internal/redact"}, standard: true},
	{of: "leaderui", may: []string{"lease", "fleet", "leaderhttp", "internal/absent", "internal/failure"}, standard: true},
	{of: "leaderotel", may: []string{root, "lease", "fleet", "internal/absent"}},
	{of: "internal/host", standard: true},
	{of: "internal/hosttest", may: []string{"internal/host"}, standard: true},
	{of: "internal/redact", standard: true},
	{of: "internal/failure", may: []string{"lease"}, standard: true},
	{of: "internal/plainjson", standard: true},
	{of: "internal/firstseen", standard: true},
	{of: "internal/absent", standard: true},
	{of: "internal/callbacks", standard: true},
	{of: "internal/foreign", standard: true},
	{of: "internal/patience", standard: true},
	{of: "internal/serverclock", standard: true},
	{of: "internal/storeurl", may: []string{"lease", "internal/redact"}, standard: true},
	{of: "internal/scenario", may: []string{root, "lease", "internal/wire"}, standard: true},
	{of: "internal/simulate", may: []string{root, "lease", "internal/host", "internal/hosttest"}, standard: true},
	{of: "internal/explore", may: []string{"lease", "internal/host"}, standard: true},
	{of: "internal/stress/linearize", may: []string{"checkpoint", "lease"}}, // with Porcupine
	{of: "internal/stress/chaos", may: []string{"internal/host"}},
	{of: "internal/stress/chaos/...", may: []string{root, "fleet", "lease", "lease/...", "internal/..."}}, // with SQLite
	{of: "internal/mutate", standard: true},
	{of: "internal/browser", standard: true}, // its tests drive a browser
	{of: "internal/...", may: []string{"lease", "lease/...", "internal/..."}},
	{of: "localstack", may: []string{"localstack/..."}},
	{of: "localstack/...", may: []string{"localstack/..."}},
	{of: "deploy"}, // tests
	{of: "deploy/...", may: []string{root, "lease", "lease/..."}},
	{of: "cmd/...", may: []string{root, "lease", "lease/...", "checkpoint", "doctor", "fleet", "leaderhttp", "leaderotel", "leaderui", "internal/...", "cmd/leader/internal/..."}},
	{of: "examples/catchup/internal/...", may: []string{"lease", "lease/...", "checkpoint", "fence", "fleet", "examples/catchup/...", "internal/host"}},
	{of: "examples/catchup", may: []string{root, "lease", "lease/...", "checkpoint", "fleet", "examples/catchup/..."}},
	{of: "examples/internal/...", standard: true},
	{of: "examples/...", may: []string{root, "lease", "lease/...", "checkpoint", "fence", "fleet", "leaderhttp", "leaderotel", "examples/catchup/events", "examples/internal/..."}},
}

// exception is the only package outside the standard library that "standard" allows. Only internal/host may import it, and
// only on some systems: their standard library does not reach the clock that counts suspension.
const exception = "golang.org/x/sys/unix"

var exceptionOn = []string{"darwin", "openbsd"}

// theirs are modules that some packages of this module alone may import, and those packages.
var theirs = map[string]string{
	"github.com/fsnotify/fsnotify": "lease/file",
}

// onlyTests are packages that only tests may import.
var onlyTests = []string{
	"github.com/stretchr/testify", "github.com/creack/pty", module + "/leadertest", module + "/fleet/fleettest", module + "/internal/storeurl/urltest",
	module + "/internal/errtest", module + "/cmd/leader/internal/commandtest",
}

// A pkg is a package as go list describes it.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string // of its code, tests aside
	Deps       []string // Imports, and all that they import in turn
}

// Every system's imports keep the rules; they differ by system.
func TestImports(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows", "freebsd", "openbsd"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			packages, err := list(system)
			require.NoError(t, err)
			require.NoError(t, check(packages, slices.Contains(exceptionOn, system)))
		})
	}
}

// modules are the directories of this repository's modules, the library's first. Each has the packages below it that no other module has.
var modules = []string{".", "deploy", "examples/catchup", "examples/service", "internal/browser", "internal/fencetest", "internal/oteltest", "internal/stress", "internal/tools", "bench"}

// The house's rules are for each package of these modules. The programs of bench may import what they compare.
var ruled = []string{".", "deploy", "examples/catchup", "examples/service", "internal/browser", "internal/fencetest", "internal/oteltest", "internal/stress"}

// Every module is known here and in the Makefile.
func TestModules(t *testing.T) {
	var found []string
	for _, name := range tracked(t) {
		if path.Base(name) == "go.mod" {
			found = append(found, path.Dir(name))
		}
	}
	require.ElementsMatch(t, modules, found)
	_, below, _ := strings.Cut(read(t, "Makefile"), "BELOW ")
	below, _, _ = strings.Cut(below, "\n")
	require.ElementsMatch(t, modules[1:], strings.Fields(below)[1:], "BELOW in the Makefile")
}

// The library's go.mod has no module that only its heaviest tests need.
func TestUsersNeedNoTools(t *testing.T) {
	for _, tool := range []string{"github.com/chromedp/chromedp", "modernc.org/sqlite", "github.com/anishathalye/porcupine", "github.com/jackc/pgx", "github.com/go-sql-driver/mysql",
		"github.com/prometheus/client_golang", "go.opentelemetry.io/otel/exporters/prometheus"} {
		known := strings.Contains(read(t, "go.mod")+read(t, "go.sum"), tool)
		require.False(t, known, "go.mod and go.sum name %s: code that needs it belongs into a separate module", tool)
	}
}

// list returns the packages of all modules that the rules are for, and all that they import.
func list(system string) (packages []pkg, err error) {
	seen := map[string]bool{}
	for _, dir := range ruled {
		of, err := listIn(dir, system)
		if err != nil {
			return nil, err
		}
		for _, p := range of {
			if !seen[p.ImportPath] {
				seen[p.ImportPath] = true
				packages = append(packages, p)
			}
		}
	}
	return packages, nil
}

func listIn(dir, system string) ([]pkg, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	cmd.Dir = filepath.Join("..", "..", dir)
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go list: %w: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, err
	}
	var packages []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

// check returns every violation, one a line. excepted means that the exception applies.
func check(packages []pkg, excepted bool) error {
	standard := map[string]bool{"C": true, "unsafe": true}
	for _, p := range packages {
		standard[p.ImportPath] = p.Standard
	}
	var errs []error
	for _, p := range packages {
		name, ours := relative(p.ImportPath)
		if !ours {
			continue
		}
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.of, name) })
		if i < 0 {
			errs = append(errs, fmt.Errorf("%s: no rule says what it may import: add one", name))
			continue
		}
		errs = append(errs, rules[i].violations(name, p, standard, excepted)...)
	}
	if len(packages) == 0 {
		errs = append(errs, errors.New("there are no packages"))
	}
	return errors.Join(errs...)
}

func (r rule) violations(name string, p pkg, standard map[string]bool, excepted bool) (errs []error) {
	forTests := slices.Contains(onlyTests, module+"/"+name)
	for _, imported := range p.Imports {
		if !forTests && slices.ContainsFunc(onlyTests, func(o string) bool { return matches(o, imported) || matches(o+"/...", imported) }) {
			errs = append(errs, fmt.Errorf("%s imports %s, which is for tests only", name, imported))
			continue
		}
		if of := theirs[imported]; of != "" && of != name {
			errs = append(errs, fmt.Errorf("%s imports %s, which is for %s alone", name, imported, of))
		}
		target, ours := relative(imported)
		if ours && !slices.ContainsFunc(r.may, func(may string) bool { return matches(may, target) }) {
			errs = append(errs, fmt.Errorf("%s imports %s, and may import of this module: %s", name, target, strings.Join(r.may, ", ")))
		}
	}
	excepted = excepted && (name == "internal/host" || !slices.Contains(p.Imports, exception))
	for _, dep := range p.Deps {
		if dep == exception && excepted {
			continue
		}
		if _, ours := relative(dep); r.standard && !ours && !standard[dep] {
			errs = append(errs, fmt.Errorf("%s depends on %s, and is to do with the standard library", name, dep))
		}
	}
	return errs
}

// relative returns the package's path in this module, and whether it is in it.
func relative(importPath string) (string, bool) {
	if importPath == module {
		return root, true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// matches reports whether the pattern is this package, or is dir/... and the package is below dir.
func matches(pattern, name string) bool {
	if dir, ok := strings.CutSuffix(pattern, "/"+all); ok {
		return strings.HasPrefix(name, dir+"/")
	}
	return pattern == path.Clean(name)
}

// Each rule finds its violations.
func TestCheckFindsViolations(t *testing.T) {
	std, sdk := pkg{ImportPath: "context", Standard: true}, pkg{ImportPath: "github.com/aws/sdk"}
	with := func(name string, imports ...string) pkg {
		p := pkg{ImportPath: path.Join(module, name), Imports: imports, Deps: imports}
		return p
	}
	for _, test := range []struct {
		name  string
		p     pkg
		wrong string // empty: nothing is wrong
	}{
		{"leader imports what it may", with("", "context", module+"/lease", module+"/lease/memory", module+"/internal/host"), ""},
		{"leader imports an SDK", with("", "github.com/aws/sdk"), ". depends on github.com/aws/sdk"},
		{"leader imports a store", with("", module+"/lease/file"), ". imports lease/file"},
		{"leader imports its HTTP", with("", module+"/leaderhttp"), ". imports leaderhttp"},
		{"lease imports leader", with("lease", module), "lease imports ."},
		{"lease imports a store", with("lease", module+"/lease/memory"), "lease imports lease/memory"},
		{"lease depends on an SDK by way of another", pkg{ImportPath: module + "/lease", Imports: []string{module + "/internal/host"},
			Deps: []string{module + "/internal/host", "github.com/aws/sdk"}}, "lease depends on github.com/aws/sdk"},
		{"a store imports its SDK", with("lease/dynamodb", module+"/lease", "github.com/aws/sdk"), ""},
		{"a store imports leader", with("lease/dynamodb", module), "lease/dynamodb imports ."},
		{"a store imports another", with("lease/s3", module+"/lease/dynamodb"), "lease/s3 imports lease/dynamodb"},
		{"the store in a directory is told by the system", with("lease/file", module+"/lease", "github.com/fsnotify/fsnotify"), ""},
		{"another store is told by the system", with("lease/s3", "github.com/fsnotify/fsnotify"), "lease/s3 imports github.com/fsnotify/fsnotify, which is for lease/file alone"},
		{"a program is told by the system", with("cmd/leader", "github.com/fsnotify/fsnotify"), "which is for lease/file alone"},
		{"the store in memory imports an SDK", with("lease/memory", "github.com/aws/sdk"), "lease/memory depends on"},
		{"testify in a store", with("lease/s3", "github.com/stretchr/testify/require"), "for tests only"},
		{"testify in the conformance suite", with("lease/leasetest", "github.com/stretchr/testify"), "for tests only"},
		{"leadertest in a program", with("cmd/leader", module+"/leadertest"), "for tests only"},
		{"a fleet imports leader and lease", with("fleet", module, module+"/lease"), ""},
		{"a fleet imports a store", with("fleet", module+"/lease/memory"), "fleet imports lease/memory"},
		{"a fleet imports an SDK", with("fleet", "github.com/aws/sdk"), "fleet depends on github.com/aws/sdk"},
		{"leader imports a fleet", with("", module+"/fleet"), ". imports fleet"},
		{"leadertest imports leader", with("leadertest", module), "leadertest imports ."},
		{"the clocks import lease", with("internal/host", module+"/lease"), "internal/host imports lease"},
		{"an internal package imports leader", with("internal/xyz", module), "internal/xyz imports ."},
		{"an example imports leader and a store", with("examples/dynamodb", module, module+"/lease/dynamodb", "github.com/aws/sdk"), ""},
		{"an example imports what is internal", with("examples/dynamodb", module+"/internal/host"), "examples/dynamodb imports internal/host"},
		{"a command imports an example", with("cmd/leader", module+"/examples/quickstart"), "cmd/leader imports examples/quickstart"},
		{"a package that nobody thought of", with("extra"), "extra: no rule"},
		{"another module whose name begins alike", pkg{ImportPath: module + "-extra", Imports: []string{module}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := check([]pkg{std, sdk, test.p}, false)
			if test.wrong == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.wrong)
			}
		})
	}
	require.Error(t, check(nil, false))
}

// The exception applies to one package alone, on some systems.
func TestException(t *testing.T) {
	unix := pkg{ImportPath: exception}
	clocks := pkg{ImportPath: module + "/internal/host", Imports: []string{exception}, Deps: []string{exception}}
	user := pkg{ImportPath: module + "/lease", Imports: []string{clocks.ImportPath}, Deps: []string{exception, clocks.ImportPath}}
	other := pkg{ImportPath: module + "/lease", Imports: []string{exception}, Deps: []string{exception}}
	require.NoError(t, check([]pkg{unix, clocks, user}, true))
	require.ErrorContains(t, check([]pkg{unix, clocks, user}, false), "internal/host depends on "+exception)
	require.ErrorContains(t, check([]pkg{unix, clocks, user}, false), "lease depends on "+exception)
	require.ErrorContains(t, check([]pkg{unix, other}, true), "lease depends on "+exception)
}
