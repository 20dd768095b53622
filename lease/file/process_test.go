package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/lease"
)

// The test binary runs itself again as other processes; these are the things that they do. What they print is for the
// test that started them.
const (
	roleEnv = "LEASE_FILE_TEST_ROLE"
	dirEnv  = "LEASE_FILE_TEST_DIR"
)

var roles = map[string]func(dir string) error{
	"race":  raceRole,
	"write": writeRole,
}

func TestMain(m *testing.M) {
	role := os.Getenv(roleEnv)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](os.Getenv(dirEnv)); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// start starts a process in a role.
func start(t testing.TB, role, dir string) *spawn.Process {
	t.Helper()
	return spawn.Start(t, spawn.Self(roleEnv+"="+role, dirEnv+"="+dir))
}

// counted returns the cell's text at a count. Its length changes, so that a torn text shows.
func counted(n int) string { return fmt.Sprintf("%d %s.", n, strings.Repeat("x", n*997%8000)) }

// countOf reads a count, and fails if the text is not what counted made.
func countOf(s lease.Snapshot) (int, error) {
	if s.Version == "" {
		return 0, nil
	}
	var n int
	if _, err := fmt.Sscanf(string(s.Data), "%d ", &n); err != nil || string(s.Data) != counted(n) {
		return 0, fmt.Errorf("torn: %.50q of %d bytes", s.Data, len(s.Data))
	}
	return n, nil
}

// increment counts on, and returns the write that did it.
func increment(s *Store, name string) (from, to lease.Version, n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // under Wine, one server does the locks of all
	defer cancel()
	for {
		seen, err := s.Load(ctx, name)
		if err != nil {
			return "", "", 0, err
		}
		n, err := countOf(seen)
		if err != nil {
			return "", "", 0, err
		}
		version, err := s.Swap(ctx, name, seen.Version, []byte(counted(n+1)))
		if !errors.Is(err, lease.ErrConflict) {
			return seen.Version, version, n + 1, err
		}
	}
}

const (
	racers     = 8
	perRacer   = 12
	goroutines = 20
	perRoutine = 5
)

// raceRole waits for the start, then counts, and prints which version each of its writes replaced by which.
func raceRole(dir string) error {
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	s := NewStore(dir)
	for range perRacer {
		from, to, n, err := increment(s, "count")
		if err != nil {
			return err
		}
		fmt.Printf("%d %q %q\n", n, from, to)
	}
	return nil
}

// A history has the writers' reports: which version they replaced by which.
type history struct {
	mu   sync.Mutex
	next map[lease.Version]lease.Version
}

func (h *history) add(from, to lease.Version) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next == nil {
		h.next = map[lease.Version]lease.Version{}
	}
	if other, twice := h.next[from]; twice {
		h.next[from] = "two winners: " + other + " and " + to
		return
	}
	h.next[from] = to
}

// wantExact fails unless the writes make one chain of that length from nothing to what is there now.
func (h *history) wantExact(t *testing.T, s *Store, writes int) {
	t.Helper()
	assert.Len(t, h.next, writes)
	found := load(t, s, "count")
	n, err := countOf(found)
	require.NoError(t, err)
	assert.Equal(t, writes, n)
	var at lease.Version
	for range writes {
		to, ok := h.next[at]
		require.True(t, ok, "nobody says to have replaced %q", at)
		at = to
	}
	assert.Equal(t, found.Version, at)
}

func TestProcessesRace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var h history
	var running sync.WaitGroup
	var all []*spawn.Process
	for range racers {
		p := start(t, "race", dir)
		require.Equal(t, "ready", p.Line())
		all = append(all, p)
		running.Go(func() {
			for line := range p.Lines() {
				var from, to lease.Version
				var n int
				if _, err := fmt.Sscanf(line, "%d %q %q", &n, &from, &to); err != nil {
					t.Errorf("a process says: %s", line)
					return
				}
				h.add(from, to)
			}
		})
	}
	for _, p := range all {
		p.Tell("go")
	}
	running.Wait()
	h.wantExact(t, NewStore(dir), racers*perRacer)
}

func TestGoroutinesRace(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	var h history
	var writers, readers sync.WaitGroup
	for i := range goroutines {
		writers.Go(func() {
			own := s
			if i%2 == 0 {
				own = NewStore(s.dir)
			}
			for range perRoutine {
				from, to, _, err := increment(own, "count")
				if !assert.NoError(t, err) {
					return
				}
				h.add(from, to)
			}
		})
	}
	stop := make(chan struct{})
	readers.Go(func() {
		for last := 0; ; {
			select {
			case <-stop:
				return
			default:
			}
			found, err := s.Load(t.Context(), "count")
			if !assert.NoError(t, err) {
				return
			}
			n, err := countOf(found)
			if !assert.NoError(t, err) || !assert.GreaterOrEqual(t, n, last) {
				return
			}
			last = n
		}
	})
	writers.Wait()
	close(stop)
	readers.Wait()
	h.wantExact(t, s, goroutines*perRoutine)
}

// writeRole counts until it is killed, and prints each count once it is written.
func writeRole(dir string) error {
	s := NewStore(dir)
	for {
		_, _, n, err := increment(s, "count")
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func TestKilledWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := NewStore(dir)
	const atLeast, duration = 8, 2500 * time.Millisecond
	rounds, acknowledged := 0, 0
	for begin := time.Now(); rounds < atLeast || time.Since(begin) < duration; rounds++ {
		p := start(t, "write", dir)
		kill := time.AfterFunc(time.Hour, func() { _ = p.Kill() }) // SIGKILL, where there is such a thing
		for line := range p.Lines() {
			var n int
			_, err := fmt.Sscan(line, &n)
			require.NoError(t, err, line)
			require.Greater(t, n, acknowledged, "a write that was acknowledged is lost")
			if acknowledged = n; n%3 == 0 {
				kill.Reset(time.Duration(rand.Int64N(int64(10 * time.Millisecond))))
			}
		}
		require.Error(t, p.Wait())

		found := load(t, s, "count")
		n, err := countOf(found)
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, acknowledged, "a write that was acknowledged is lost")
		require.LessOrEqual(t, n, acknowledged+1)

		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = s.Swap(ctx, "count", found.Version, []byte(counted(n+1)))
		cancel()
		require.NoError(t, err, "the lock is not free")
		acknowledged = n + 1
	}
	assert.Subset(t, []string{"lease-count.json", "lease-count.lock", "lease-count.tmp"}, files(t, dir))
	t.Logf("%d writers killed, %d writes", rounds, acknowledged)
}
