package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/doctor"
)

func doctorOf(t testing.TB, url string, args ...string) *exec.Cmd {
	return commandtest.Command(t, append([]string{"doctor", "--store", url, "--samples", "3"}, args...)...)
}

func TestDoctorForPeople(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	o := commandtest.End(t, doctorOf(t, s.url, "--lease-length", "9s"))
	o.Want(t, 0, "")
	for _, line := range []string{
		"ok       first    of 8 that tried at once to take a lease that was never taken, one got it\n",
		"ok       race     of 8 that tried at once to take a free lease, one got it, 5 times\n",
		"ok       replace  a creation of what is there, and a write over an old version, are refused\n",
		"ok       stale    a renewal and a release of a lease that was lost are refused\n",
		"\nsuggested lease length: 15s\nNothing is wrong. ok: 17, warnings: 0, failed: 0, skipped: 0.\n",
	} {
		require.Contains(t, o.Out, line)
	}
	require.Regexp(t, `\nreads     p50 \S+s, p99 \S+s, max \S+s of 3\nrenewals  p50 \S+s, p99 \S+s, max \S+s of 3\n`, o.Out)

	notes := filepath.Join(s.dir, "notes") // a file, and not a directory
	require.NoError(t, os.WriteFile(notes, nil, 0o600))
	o = commandtest.End(t, doctorOf(t, store.FileURL(notes)))
	o.Want(t, exitFailed, "failed: read")
	require.Contains(t, o.Out, "\nfailed   read     ")
	require.Contains(t, o.Out, "\n                  what to do: do what that says, then run leader doctor again\nskipped  create   needs read\n")
	require.Contains(t, o.Out, "ok       clean    nothing was written\n")
	require.Contains(t, o.Out, "\nNot fit, or not known to be. ok: 3, warnings: 1, failed: 1, skipped: 12.\n")
}

// Without a store, doctor says what every command says.
func TestDoctorWithoutAStore(t *testing.T) {
	t.Parallel()
	want := commandtest.End(t, commandtest.Command(t, "list", "--store", ""))
	want.Want(t, exitUsage, "--store")
	for _, args := range [][]string{nil, {"--json"}} {
		o := commandtest.End(t, doctorOf(t, "", args...))
		o.Want(t, exitUsage, "--store")
		require.Equal(t, want.Err, o.Err)
		require.Empty(t, o.Out)
	}
}

// What to do is said with the command's flags, and no finding has an identifier of Go.
func TestDoctorInTheCommandsWords(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.acquire(t, doctor.Scratch, "node-a", time.Hour, nil)
	o := commandtest.End(t, doctorOf(t, s.url))
	o.Want(t, exitFailed, "failed: read")
	require.Contains(t, o.Out, "what to do: give that lease another name, or give --anew\n")

	s = newShelf(t)
	commandtest.End(t, doctorOf(t, s.url)).Want(t, 0, "")
	require.Contains(t, commandtest.End(t, doctorOf(t, s.url)).Out, "an earlier doctor has tried that here; --anew tries it again")

	files, err := filepath.Glob("../../doctor/*.go")
	require.NoError(t, err)
	identifier := regexp.MustCompile(`\bWith[A-Z]\w+|\b(lease|leader|fleet|checkpoint)\.[A-Z]\w+`)
	found := 0
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if text, is := n.(*ast.BasicLit); is && text.Kind == token.STRING && !strings.HasSuffix(path, "_test.go") {
				if identifier.MatchString(text.Value) {
					found++
				}
				shown := inWords(doctor.Finding{Detail: text.Value, Advice: text.Value})
				require.NotRegexp(t, identifier, shown.Detail+shown.Advice, path)
			}
			return true
		})
	}
	require.Positive(t, found, "the test finds them")
}

func TestDoctorFromTheEnvironment(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	cmd := commandtest.Command(t, "doctor")
	cmd.Env = append(cmd.Env, "LEADER_STORE="+s.url,
		"LEADER_SAMPLES=2", "LEADER_LEASE_LENGTH=20s", "LEADER_JSON=true")
	r := decodeJSON[doctor.Report](t, commandtest.End(t, cmd).Out)
	require.Equal(t, 2, r.Renewals.Count)
	require.InDelta(t, 20, r.LeaseLength, 0)
}
