//go:build unix

package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/transcript"
)

// A play is how a command line of a page is run here.
type play struct {
	stage func(t *testing.T, s shelf) // what is in the store before; nil for nothing
	more  string                      // arguments that the page leaves out, as --yes where a person would type yes
	says  string                      // a part of the output, as a regular expression
	lasts bool                        // until it is interrupted
}

// plays has the command lines of the pages. The bare name of a command that needs more, and a line with --help, need no play: the help is shown.
var plays = map[string]play{
	"version":         {says: `leader \S+ .*go1`},
	"init":            {says: `exists already`},
	"list":            {stage: holds, says: `orders +held`},
	"status":          {stage: holds, more: "orders", says: `holder +node-a`},
	"status --json":   {stage: holds, more: "orders", says: `"holder":"node-a"`},
	"watch":           {stage: holds, more: "orders", says: `node-a`, lasts: true},
	"doctor":          {says: `Nothing is wrong`},
	"checkpoint list": {stage: worked, says: `orders-projection`},
	"ui":              {stage: holds, more: "--listen 127.0.0.1:0", says: `http://127\.0\.0\.1:`, lasts: true},

	"init --store 'dynamodb://leases?region=eu-west-1'": {says: `exists already`},
	"run -- program": {says: `works with token 1`},
	"run --once":     {more: "-- program", says: `works with token 1`},
	"run --store 'dynamodb://leases?region=eu-west-1' --name orders -- ./orders-projection": {says: `works with token 1`},
	"status NAME --store URL":                           {stage: holds, says: `holder +node-a`},
	"history NAME --store URL":                          {stage: holds, says: `node-a`},
	"break NAME --store URL --wait":                     {stage: holdsBriefly, more: "--yes", says: `The lease is free`},
	"break orders/seats/3":                              {stage: seated, more: "--yes", says: `Broken`},
	"doctor --store URL":                                {says: `Nothing is wrong`},
	"doctor --store 's3://bucket?endpoint=https://...'": {says: `Nothing is wrong`},
	"handover NAME --to NODE":                           {stage: campaign, more: "--yes", says: `node-b leads`},
	"handover NAME --to NODE --store URL":               {stage: campaign, more: "--yes", says: `node-b leads`},
	"handover NAME --cancel":                            {stage: asked, says: `Taken back`},
	"checkpoint show orders-projection":                 {stage: worked, says: `value +{"at":42}`},
	"checkpoint set orders-projection 41":               {stage: worked, more: "--yes", says: `Set`},
	"value show orders":                                 {stage: keeps, says: `a value`},
	"value clear orders":                                {stage: keeps, more: "--yes", says: `Cleared`},
	"value clear NAME":                                  {stage: keeps, more: "--yes", says: `Cleared`},

	"fleet run -- program":              {more: "--shards 2", says: `works on part`, lasts: true},
	"fleet run --shards 64 -- ./worker": {says: `works on part`, lasts: true},
	"fleet run --store 'dynamodb://leases?region=eu-west-1' --name orders --shards 64 -- ./worker":                                    {says: `works on part`, lasts: true},
	"fleet run --name orders --shards 64 --listen :8080 --attribute watch=http://10.0.0.7:8080/watch --follow 10.0.0.0/8 -- ./worker": {says: `works on part`, lasts: true},
	"fleet status orders":                {stage: divided, says: `host-3`},
	"fleet watch orders":                 {stage: divided, says: `host-3`, lasts: true},
	"fleet move orders 17 --to host-3":   {stage: divided, says: `It is there`},
	"fleet move orders 17 --unpin":       {stage: divided, says: `Unpinned`},
	"fleet drain orders host-3":          {stage: divided, says: `Drained`},
	"fleet drain orders host-3 --cancel": {stage: drains, says: `Cancelled. host-3 takes parts again`},
	"fleet reset orders":                 {stage: abandoned, more: "--yes", says: `Reset`},
	"fleet reset orders --above 41":      {stage: abandoned, more: "--yes", says: `Reset`},

	"ui --store 'dynamodb://leases?region=eu-west-1'": {stage: holds, more: "--listen 127.0.0.1:0", says: `http://127\.0\.0\.1:`, lasts: true},
	"ui --store URL": {stage: holds, more: "--listen 127.0.0.1:0", says: `http://127\.0\.0\.1:`, lasts: true},
	"ui --listen :8090 --auth token:/run/secrets/ui --host ui.example.com":   {stage: holds, says: `http://`, lasts: true},
	"ui --listen :8090 --auth header:X-Forwarded-User --host ui.example.com": {stage: holds, says: `http://`, lasts: true},
}

// elsewhere has the other programs in the pages' commands, and why no test runs those lines here.
var elsewhere = map[string]string{
	"az":           "needs an account of Azure",
	"cd":           "func publishes to Azure; the build is one of deploy's tests",
	"cp":           "changes the machine's systemd; deploy/lint verifies the unit",
	"curl":         "asks the unit of systemd",
	"docker":       "needs Docker; a test of deploy reads compose.yaml as Compose does",
	"eval":         "starts emulators, as make test does",
	"export":       "sets a variable for terraform",
	"git":          "clones from GitHub",
	"go":           "builds or tests what the line names, as make test and make check do",
	"journalctl":   "reads the unit's log from systemd",
	"kubectl":      "needs a cluster; deploy/lint makes and validates the manifests",
	"make":         "is CONTRIBUTING's list of targets, which .ci/run and people run",
	"sam":          "needs an account of AWS; deploy/lint checks the template",
	"terraform":    "needs accounts of the clouds; deploy/lint parses the files",
	".ci/installs": "is a step of .ci/run",
	".ci/run":      "runs all tests, this one, too",
}

func holds(t *testing.T, s shelf)        { s.acquire(t, "orders", "node-a", time.Hour, nil) }
func holdsBriefly(t *testing.T, s shelf) { s.hold(t, "orders", "node-a", 2*time.Second) }
func seated(t *testing.T, s shelf)       { s.acquire(t, "orders/seats/3", "host-3", time.Hour, nil) }
func campaign(t *testing.T, s shelf)     { s.runs(t, "orders", "node-a", "node-b") }
func worked(t *testing.T, s shelf) {
	s.save(t, "orders-projection", "orders-projection", map[string]any{"at": 42})
}

func asked(t *testing.T, s shelf) {
	s.heed(t, "orders", "node-a", time.Hour)
	s.run(t, "handover", "orders", "--to", "node-b", "--yes", "--wait=false").Want(t, 0, "")
}

func keeps(t *testing.T, s shelf) {
	require.NoError(t, s.Release(t.Context(), valued(t, s, "orders", "node-a", "a value", time.Hour)))
}

// divided is a fleet of two nodes, which have all of its parts.
func divided(t *testing.T, s shelf) { divide(t, s) }

func divide(t *testing.T, s shelf) (leave func()) {
	a, b := join(t, s, "host-1", 64, fleet.WithName("orders")), join(t, s, "host-3", 64, fleet.WithName("orders"))
	commandtest.Eventually(t, "host-3 has parts", func() bool {
		o, err := fleet.Inspect(t.Context(), s, "orders")
		return err == nil && len(o.Parts) == 64 && slices.ContainsFunc(o.Parts, func(p fleet.PartInfo) bool { return p.Node == "host-3" })
	})
	return func() { a(); b() }
}

func drains(t *testing.T, s shelf) {
	divide(t, s)
	s.run(t, "fleet", "drain", "orders", "host-3").Want(t, 0, "")
}

func abandoned(t *testing.T, s shelf) { divide(t, s)() }

// Every command line that a page shows does what the page says, on a store in a directory instead of the page's.
func TestPagesRunCommands(t *testing.T) {
	t.Parallel()
	lines := pageLines(t)
	for line := range plays {
		assert.Contains(t, lines, line, "no page has this line any more")
	}
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		p, known := plays[line]
		if cmd, rest, err := (&app{}).command().Find(strings.Fields(line)); !known && err == nil && (len(rest) == 0 || rest[0] == "--help") {
			p, known, line = play{says: "Usage:\n  " + cmd.CommandPath()}, true, strings.TrimSuffix(line, " --help")+" --help"
		}
		if !assert.True(t, known, "%s has: leader %s\nSay in plays how it is run", lines[line], line) {
			continue
		}
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			p.run(t, line)
		})
	}
}

// run runs the line, and looks at its output and its exit code.
func (p play) run(t *testing.T, line string) {
	s := newShelf(t)
	if p.stage != nil {
		p.stage(t, s)
	}
	dir := t.TempDir()
	for _, name := range []string{"program", "orders-projection", "worker"} {
		script := "#!/bin/sh\n[ \"$LEADER_PART\" ] || exec echo works with token $LEADER_TOKEN\necho works on part $LEADER_PART\nexec sleep 1000\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ui"), []byte("correct horse battery staple\n"), 0o600))
	cmd := commandtest.Command(t, p.args(line, s.url)...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, "LEADER_STORE="+s.url, "PATH="+dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	var out transcript.Transcript
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	if p.lasts {
		commandtest.Eventually(t, "it says "+p.says, func() bool { return regexp.MustCompile(p.says).MatchString(out.String()) })
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
	}
	_ = cmd.Wait()
	ended := cmd.ProcessState.Sys().(syscall.WaitStatus)
	interrupted := p.lasts && ended.Signaled() && ended.Signal() == syscall.SIGINT // as the shell wants it, of a command that has nothing to finish
	require.True(t, interrupted || cmd.ProcessState.Success(), "%v: %s", cmd.ProcessState, &out)
	require.Regexp(t, p.says, out.String())
}

// args are the line's arguments, with what is here in place of what is in the pages' world.
func (p play) args(line, url string) []string {
	here := strings.NewReplacer("NAME", "orders", "NODE", "node-b", ":8090", "127.0.0.1:0", "/run/secrets/ui", "ui", "--listen :8080", "--listen 127.0.0.1:0",
		"--shards 64", "--shards 2") // each part is a program under a guard
	args := argsOf(here.Replace(line))
	if i := slices.Index(args, "--store"); i >= 0 {
		args[i+1] = url
	}
	end := len(args)
	if i := slices.Index(args, "--"); i >= 0 {
		end = i
	}
	return slices.Insert(args, end, strings.Fields(p.more)...)
}

// other matches a command line of another program, or of the shell: its first word.
var other = regexp.MustCompile(`(?m)^    (\.?[a-z][a-z/-]*) +\S`)

// fenced matches a block with its language, which has no commands.
var fenced = regexp.MustCompile("(?ms)^ *```\\w+$.*?^ *```$")

// Every other command that a page shows is of a program that elsewhere tells about.
func TestPagesNameOtherPrograms(t *testing.T) {
	t.Parallel()
	found := map[string]bool{"leader": true}
	eachPage(t, func(name, page string) {
		for _, match := range other.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
			found[match[1]] = true
			assert.True(t, match[1] == "leader" || elsewhere[match[1]] != "", "%s has a command of %s: say in elsewhere why no test runs it", name, match[1])
		}
	})
	for program := range elsewhere {
		assert.True(t, found[program], "no page has a command of %s any more", program)
	}
}

// The example in the help takes no error for the answer that nobody leads.
func TestStatus_TheExampleForScripts(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	bin := t.TempDir()
	require.NoError(t, os.Symlink(commandtest.Binary(), filepath.Join(bin, "leader")))
	cmd, _, err := (&app{}).command().Find([]string{"status"})
	require.NoError(t, err)
	lines := strings.Split(cmd.Example, "\n")
	line := lines[len(lines)-1]
	for name, says := range map[string]string{"held": "", "free": "nobody leads\n", "expired": "nobody leads\n", "notes": "", "--no-such-flag": ""} {
		script := commandtest.Command(t, "-c", strings.Replace(line, "orders", name, 1))
		script.Path, script.Args[0] = "/bin/sh", "sh"
		script.Env = append(script.Env, "PATH="+bin, "LEADER_STORE="+s.url)
		require.Equal(t, says, commandtest.End(t, script).Out, name)
	}
}
