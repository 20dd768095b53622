package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

// soon ends what would hang.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func swap(t testing.TB, s *Store, name string, old lease.Version, data string) lease.Version {
	t.Helper()
	version, err := s.Swap(soon(t), name, old, []byte(data))
	require.NoError(t, err)
	return version
}

func load(t testing.TB, s *Store, name string) lease.Snapshot {
	t.Helper()
	found, err := s.Load(soon(t), name)
	require.NoError(t, err)
	return found
}

func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCellIsReadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := NewStore(dir)
	swap(t, s, "orders", "", "{\"a\": 1}\n second line")
	assert.Equal(t, []string{"lease-orders.json", "lease-orders.lock"}, files(t, dir))
	content, err := os.ReadFile(filepath.Join(dir, "lease-orders.json"))
	require.NoError(t, err)
	assert.Regexp(t, `^\{"leaseFile":1,"nonce":"[A-Z0-9]{26}".*\}\n\{"a": 1\}\n second line$`, string(content))
	assert.Equal(t, "file://"+filepath.ToSlash(dir), s.String())
}

func TestSameDataIsAnotherVersion(t *testing.T) {
	t.Parallel()
	s, _ := clocked(t.TempDir(), origin{})
	first := swap(t, s, "a", "", "x")
	second := swap(t, s, "a", first, "x")
	assert.NotEqual(t, first, second)
	assert.Equal(t, second, load(t, s, "a").Version)
	_, err := s.Swap(t.Context(), "a", first, []byte("y"))
	assert.ErrorIs(t, err, lease.ErrConflict)
}

func TestNothingIsMadeByReading(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "yet")
	s := NewStore(dir)
	assert.Zero(t, load(t, s, "a"))
	for cell, err := range s.List(t.Context(), "") {
		t.Errorf("listed %v, %v", cell, err)
	}
	_, err := s.Swap(t.Context(), "a", "version", nil)
	require.ErrorIs(t, err, lease.ErrConflict)
	require.NoDirExists(t, dir)

	swap(t, s, "a", "", "x")
	info, err := os.Stat(dir)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	}
}

func TestRelativeDirectoryStays(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := NewStore("leases")
	t.Chdir(t.TempDir())
	swap(t, s, "a", "", "x")
	assert.FileExists(t, filepath.Join(dir, "leases", "lease-a.json"))
}

func TestHandEdits(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	version := swap(t, s, "a", "", "hello")
	cell := filepath.Join(s.dir, "lease-a.json")
	content, err := os.ReadFile(cell)
	require.NoError(t, err)
	for what, edited := range map[string]string{
		"data":     strings.Replace(string(content), "hello", "hallo", 1),
		"appended": string(content) + "\n",
		"header":   strings.Replace(string(content), `{"leaseFile":1,`, `{"leaseFile":1, "comment":"repaired", `, 1),
	} {
		require.NoError(t, os.WriteFile(cell, []byte(edited), 0o600))
		found := load(t, s, "a")
		_, data, _ := strings.Cut(edited, "\n")
		assert.Equal(t, data, string(found.Data), what)
		assert.NotEqual(t, version, found.Version, what)
		_, err := s.Swap(t.Context(), "a", version, []byte("x"))
		assert.ErrorIs(t, err, lease.ErrConflict, what)
	}
	swap(t, s, "a", load(t, s, "a").Version, "again")
	assert.Equal(t, "again", string(load(t, s, "a").Data))
}

func TestWhatIsNoCellIsLeftAlone(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ content, says string }{
		"empty":        {"", "empty"},
		"zeros":        {strings.Repeat("\x00", 512), "header"},
		"garbage":      {"hello\nworld\n", "header"},
		"a record":     {`{"format":1,"token":7,"id":"x"}` + "\n", "header"},
		"header cut":   {`{"leaseFile":1,"nonce":"abc`, "header"},
		"newline cut":  {`{"leaseFile":1,"nonce":"abc"}`, "header"},
		"newer format": {`{"leaseFile":2,"nonce":"abc"}` + "\nx", "update the program"},
		"too long":     {`{"leaseFile":1}` + "\n" + strings.Repeat("x", lease.MaxCell+1), "65536 bytes"},
		"not text":     {`{"leaseFile":1}` + "\n\xff", "UTF-8"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := NewStore(t.TempDir())
			cell := filepath.Join(s.dir, "lease-a.json")
			require.NoError(t, os.WriteFile(cell, []byte(c.content), 0o600))
			wantUnreadable(t, s, "lease-a.json", c.says)
			content, err := os.ReadFile(cell)
			require.NoError(t, err)
			assert.Equal(t, c.content, string(content))
		})
	}
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		s := NewStore(t.TempDir())
		cell := filepath.Join(s.dir, "lease-a.json")
		require.NoError(t, os.Mkdir(cell, 0o700))
		wantUnreadable(t, s, "lease-a.json", "move it away")
		assert.DirExists(t, cell)
	})
}

// wantUnreadable fails unless every way to the cell ends in an ErrRecord, which says where it is and what is wrong.
func wantUnreadable(t *testing.T, s *Store, cell, says string) {
	t.Helper()
	_, loadErr := s.Load(t.Context(), "a")
	_, swapErr := s.Swap(t.Context(), "a", "", []byte("x"))
	_, againErr := s.Swap(t.Context(), "a", versionOf(nil), []byte("x"))
	var listErr error
	for c, err := range s.List(t.Context(), "") {
		require.NoError(t, err)
		assert.Equal(t, "a", c.Name)
		listErr = c.Err
	}
	for _, err := range []error{loadErr, swapErr, againErr, listErr} {
		require.ErrorIs(t, err, lease.ErrRecord)
		assert.NotErrorIs(t, err, lease.ErrMisconfigured)
		assert.ErrorContains(t, err, cell)
		assert.ErrorContains(t, err, says)
		newer := says == "update the program"
		assert.Equal(t, newer, errors.Is(err, lease.ErrNewer))
		assert.Equal(t, !newer, strings.Contains(err.Error(), "move it away"), "what a newer program wrote is in order")
	}
}

func TestRefusedData(t *testing.T) {
	t.Parallel()
	s := NewStore(filepath.Join(t.TempDir(), "leases"))
	for _, data := range []string{strings.Repeat("x", lease.MaxCell+1), "\xff"} {
		_, err := s.Swap(t.Context(), "a", "", []byte(data))
		require.ErrorIs(t, err, lease.ErrInvalid)
	}
	_, err := s.Swap(t.Context(), "", "", nil)
	require.ErrorIs(t, err, lease.ErrInvalid)
	_, err = s.Load(t.Context(), "a\n")
	require.ErrorIs(t, err, lease.ErrInvalid)
	assert.NoDirExists(t, s.dir)
}

func TestLeftoverIsHarmless(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	version := swap(t, s, "a", "", "old")
	leftover := filepath.Join(s.dir, "lease-a.tmp")
	require.NoError(t, os.WriteFile(leftover, []byte("half a rec"), 0o400))
	assert.Equal(t, version, load(t, s, "a").Version)
	swap(t, s, "a", version, "new")
	assert.Equal(t, "new", string(load(t, s, "a").Data))
	assert.NoFileExists(t, leftover)
}

func TestListPassesForeignFilesOver(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	long := strings.Repeat("日", 85)
	for _, name := range []string{"jobs/a", "jobs/b", "Jobs/a", long, "jobs/" + strings.Repeat("x", 250)} {
		swap(t, s, name, "", name)
	}
	for _, foreign := range []string{"README", "lease-UP.json", "lease-a.tmp", "lease-a.lock", "lease-%2F.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, foreign), nil, 0o600))
	}
	deep := filepath.Join(s.dir, "backup")
	require.NoError(t, os.Mkdir(deep, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(deep, "lease-a.json"), nil, 0o600))
	link := filepath.Join(t.TempDir(), "link") // a directory may be named by a link
	require.NoError(t, os.Symlink(s.dir, link))

	list := func(dir, prefix string) (names []string) {
		for c, err := range NewStore(dir).List(t.Context(), prefix) {
			require.NoError(t, err)
			require.NoError(t, c.Err)
			assert.Equal(t, c.Name, string(c.Snapshot.Data))
			assert.Equal(t, load(t, s, c.Name).Version, c.Snapshot.Version)
			names = append(names, c.Name)
		}
		return names
	}
	assert.ElementsMatch(t, []string{"jobs/a", "jobs/b", "jobs/" + strings.Repeat("x", 250)}, list(s.dir, "jobs/"))
	assert.Len(t, list(link, ""), 5)
	for range s.List(t.Context(), "") {
		break // and the sequence does not go on
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	for _, err := range s.List(ctx, "") {
		if seen++; seen == 2 {
			assert.ErrorIs(t, err, context.Canceled)
		}
		cancel()
	}
	assert.Equal(t, 2, seen)
}

func TestMisconfigured(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	dirs := map[string]string{"a file": file, "none named": "", "below a file": filepath.Join(file, "leases", "more")}
	for what, dir := range dirs {
		s := NewStore(dir)
		_, staleErr := s.Swap(t.Context(), "a", "version", nil)
		require.ErrorIs(t, staleErr, lease.ErrMisconfigured, what)
		_, loadErr := s.Load(t.Context(), "a")
		_, swapErr := s.Swap(t.Context(), "a", "", nil)
		var listErr error
		for _, listErr = range s.List(t.Context(), "") {
		}
		for _, err := range []error{loadErr, swapErr, listErr} {
			require.ErrorIs(t, err, lease.ErrMisconfigured, what)
			if dir == file {
				assert.NotContains(t, err.Error(), file, "the manager names it")
			}
		}
	}
}

func TestSwapWaitsForTheLock(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	version := swap(t, s, "a", "", "x")
	other := flock.New(filepath.Join(s.dir, "lease-a.lock"))
	require.NoError(t, other.Lock())

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := s.Swap(ctx, "a", version, []byte("y"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, lease.ErrMisconfigured)
	assert.ErrorContains(t, err, "lease-a.lock")
	assert.ErrorContains(t, err, "end it")
	if runtime.GOOS != "windows" {
		assert.Equal(t, version, load(t, s, "a").Version, "readers do not wait")
	}
	swap(t, s, "b", "", "other cells have other locks")

	// Where a file that is read cannot be replaced, readers wait, too.
	locking := NewStore(s.dir, func(s *Store) { s.lockReads = true })
	short, stop := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, errors.New("closing"))
	defer stop()
	_, err = locking.Load(short, "a")
	require.ErrorContains(t, err, "closing")

	swapped := make(chan error)
	go func() {
		_, err := s.Swap(soon(t), "a", version, []byte("z"))
		swapped <- err
	}()
	require.NoError(t, other.Unlock())
	require.NoError(t, <-swapped)
	require.NoError(t, other.RLock())
	assert.Equal(t, "z", string(load(t, locking, "a").Data), "readers do not wait for one another")
	require.NoError(t, other.Unlock())
	assert.Zero(t, load(t, NewStore(filepath.Join(s.dir, "none"), func(s *Store) { s.lockReads = true }), "a"))
}

func TestDirectoryOfURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url     string
		windows bool
		want    string
	}{
		{"file:///var/lib/leader", false, "/var/lib/leader"},
		{"file:/var/lib/leader", false, "/var/lib/leader"},
		{"file://localhost/var/lib/leader", false, "/var/lib/leader"},
		{"file:state/leases", false, "state/leases"},
		{"file:./a%20b%3f", false, "./a b?"},
		{"file:///a%20b%23", false, "/a b#"},
		{"file:///C:/dir", true, "C:/dir"},
		{"file:C:/dir", true, "C:/dir"},
		{"file:///C:/dir", false, "/C:/dir"},
	} {
		u, err := url.Parse(c.url)
		require.NoError(t, err)
		dir, err := storeurl.Directory(u, c.windows)
		require.NoError(t, err)
		assert.Equal(t, filepath.FromSlash(c.want), dir)
	}
	for raw, says := range map[string]string{
		"file://server/dir":  "file://server/dir",
		"file://me@/dir":     "host",
		"file:":              "no directory",
		"file://":            "no directory",
		"file://localhost":   "no directory",
		"file:///dir?mode=7": `"mode"`,
		"file:///dir#x":      "%23",
		"file:a%zz":          "%25",
	} {
		_, err := lease.Open(t.Context(), raw)
		require.ErrorIs(t, err, lease.ErrMisconfigured, raw)
		assert.ErrorContains(t, err, says)
	}
}

func TestOpen(t *testing.T) {
	t.Chdir(t.TempDir())
	m, err := lease.Open(t.Context(), "file:state/leases")
	require.NoError(t, err)
	_, err = m.Acquire(t.Context(), lease.Request{Name: "orders", Holder: "me", Length: time.Minute})
	require.NoError(t, err)
	info, err := lease.Inspect(t.Context(), New(filepath.Join("state", "leases")), "orders")
	require.NoError(t, err)
	assert.Equal(t, "me", info.Holder)
	wd, err := os.Getwd()
	require.NoError(t, err)
	assert.Equal(t, "file://"+filepath.ToSlash(filepath.Join(wd, "state", "leases")), fmt.Sprint(m))
}

// A relative path that cannot be resolved is said, and nothing is written to another place.
func TestResolve_NoWorkingDirectory(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	gone := errors.New("getwd: no such file or directory")
	s.problem = s.resolve("./state", func(string) (string, error) { return "", gone })
	_, err := s.Load(t.Context(), "orders")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	require.ErrorContains(t, err, `"./state" cannot be resolved: getwd`)
	errtest.Advice(t, err)
}
