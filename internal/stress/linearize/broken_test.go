package linearize

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// A broken store is a real store in files, one of whose methods behaves differently.
type brokenStore struct {
	lease.Store
	load func(ctx context.Context, name string) (lease.Snapshot, error)
	swap func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error)
}

func (s brokenStore) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	if s.load != nil {
		return s.load(ctx, name)
	}
	return s.Store.Load(ctx, name)
}

func (s brokenStore) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if s.swap != nil {
		return s.swap(ctx, name, old, data)
	}
	return s.Store.Swap(ctx, name, old, data)
}

// unconditional writes whatever the cell holds.
func unconditional(s lease.Store) lease.Store {
	return brokenStore{Store: s, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
		version, err := s.Swap(ctx, name, old, data)
		for errors.Is(err, lease.ErrConflict) {
			var found lease.Snapshot
			if found, err = s.Load(ctx, name); err == nil {
				version, err = s.Swap(ctx, name, found.Version, data)
			}
		}
		return version, err
	}}
}

// stale shows, now and then, what was there before.
func stale(s lease.Store) lease.Store {
	var mu sync.Mutex
	var loads int
	seen := map[string][]lease.Snapshot{}
	return brokenStore{Store: s, load: func(ctx context.Context, name string) (lease.Snapshot, error) {
		mu.Lock()
		defer mu.Unlock()
		got, err := s.Load(ctx, name)
		if err != nil {
			return got, err
		}
		if all := seen[name]; len(all) == 0 || all[len(all)-1].Version != got.Version {
			seen[name] = append(all, got)
		}
		loads++
		if all := seen[name]; loads%4 == 0 && len(all) > 1 {
			return all[len(all)-2], nil
		}
		return got, nil
	}}
}

// every breaks each tenth Swap.
func every(do func(s lease.Store, ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error)) func(lease.Store) lease.Store {
	return func(s lease.Store) lease.Store {
		var swaps atomic.Int64
		return brokenStore{Store: s, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
			if swaps.Add(1)%10 == 0 {
				return do(s, ctx, name, old, data)
			}
			return s.Swap(ctx, name, old, data)
		}}
	}
}

func forgets(_ lease.Store, _ context.Context, _ string, _ lease.Version, data []byte) (lease.Version, error) {
	return lease.Version(data), nil
}

func denies(s lease.Store, ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	_, err := s.Swap(ctx, name, old, data)
	return "", errors.Join(err, lease.ErrConflict)
}

// repeats writes, returns an error that leaves the outcome open, and writes again when something else is there.
func repeats(s lease.Store, ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	version, err := s.Swap(ctx, name, old, data)
	if err != nil {
		return "", err
	}
	for begun := time.Now(); time.Since(begun) < 50*time.Millisecond; {
		if found, err := s.Load(ctx, name); err == nil && found.Version != version {
			_, _ = s.Swap(ctx, name, found.Version, data)
			break
		}
	}
	return "", errors.New("no answer")
}

// coarse has few versions, so that they recur.
func coarse(s lease.Store) lease.Store {
	few := func(v lease.Version) lease.Version {
		if v == "" {
			return ""
		}
		return lease.Version(fmt.Sprint(crc32.ChecksumIEEE([]byte(v)) % 8))
	}
	return brokenStore{Store: s,
		load: func(ctx context.Context, name string) (lease.Snapshot, error) {
			got, err := s.Load(ctx, name)
			got.Version = few(got.Version)
			return got, err
		},
		swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
			found, err := s.Load(ctx, name)
			if err != nil {
				return "", err
			}
			if few(found.Version) != old {
				return "", lease.ErrConflict
			}
			version, err := s.Swap(ctx, name, found.Version, data)
			return few(version), err
		},
	}
}

// older reports a record as older than it is.
func older(s lease.Store) lease.Store {
	return brokenStore{Store: s, load: func(ctx context.Context, name string) (lease.Snapshot, error) {
		got, err := s.Load(ctx, name)
		got.Age += brokenLength / 2
		return got, err
	}}
}

// A brokenManager is the real manager on files, one of whose methods behaves differently.
type brokenManager struct {
	lease.Manager
	acquire func(ctx context.Context, req lease.Request) (lease.Lease, error)
	renew   func(ctx context.Context, held lease.Lease) (lease.Lease, error)
	release func(ctx context.Context, held lease.Lease) error
	inspect func(ctx context.Context, name string) (lease.Info, error)
}

func (m brokenManager) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	if m.acquire != nil {
		return m.acquire(ctx, req)
	}
	return m.Manager.Acquire(ctx, req)
}

func (m brokenManager) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	if m.renew != nil {
		return m.renew(ctx, held)
	}
	return m.Manager.Renew(ctx, held)
}

func (m brokenManager) Release(ctx context.Context, held lease.Lease) error {
	if m.release != nil {
		return m.release(ctx, held)
	}
	return m.Manager.Release(ctx, held)
}

func (m brokenManager) Inspect(ctx context.Context, name string) (lease.Info, error) {
	if m.inspect != nil {
		return m.inspect(ctx, name)
	}
	return lease.Inspect(ctx, m.Manager, name)
}

// halved gives each token twice, and does so consistently.
func halved(m lease.Manager) lease.Manager {
	half := func(token *uint64) { *token = (*token + 1) / 2 }
	real := map[string]uint64{} // by ID; no two clients share a manager
	whole := func(held lease.Lease) lease.Lease {
		held.Token = real[held.ID]
		return held
	}
	lost := func(err error) error {
		if l, ok := errors.AsType[*lease.LostError](err); ok {
			half(&l.Token)
			half(&l.Now.Token)
		}
		return err
	}
	return brokenManager{
		acquire: func(ctx context.Context, req lease.Request) (lease.Lease, error) {
			got, err := m.Acquire(ctx, req)
			if h, ok := errors.AsType[*lease.HeldError](err); ok {
				half(&h.Info.Token)
			}
			real[got.ID] = got.Token
			half(&got.Token)
			return got, err
		},
		renew: func(ctx context.Context, held lease.Lease) (lease.Lease, error) {
			got, err := m.Renew(ctx, whole(held))
			half(&got.Token)
			return got, lost(err)
		},
		release: func(ctx context.Context, held lease.Lease) error { return lost(m.Release(ctx, whole(held))) },
		inspect: func(ctx context.Context, name string) (lease.Info, error) {
			got, err := lease.Inspect(ctx, m, name)
			half(&got.Token)
			return got, err
		},
	}
}

// rob releases the lease of any holder.
func rob(ctx context.Context, m lease.Manager, name string) error {
	i, err := lease.Inspect(ctx, m, name)
	if err != nil {
		return err
	}
	return m.Release(ctx, lease.Lease{Name: name, Holder: i.Holder, ID: i.ID, Token: i.Token, Length: i.Length, Version: i.Version})
}

func impatientlyAcquires(m lease.Manager) lease.Manager {
	return brokenManager{Manager: m, acquire: func(ctx context.Context, req lease.Request) (lease.Lease, error) {
		got, err := m.Acquire(ctx, req)
		if errors.Is(err, lease.ErrHeld) && rob(ctx, m, req.Name) == nil {
			return m.Acquire(ctx, req)
		}
		return got, err
	}}
}

func releasesAnybodys(m lease.Manager) lease.Manager {
	return brokenManager{Manager: m, release: func(ctx context.Context, held lease.Lease) error {
		err := m.Release(ctx, held)
		if errors.Is(err, lease.ErrLost) {
			_ = rob(ctx, m, held.Name)
		}
		return err
	}}
}

func renewsWhatIsLost(m lease.Manager) lease.Manager {
	return brokenManager{Manager: m, renew: func(ctx context.Context, held lease.Lease) (lease.Lease, error) {
		got, err := m.Renew(ctx, held)
		if errors.Is(err, lease.ErrLost) {
			return held, nil
		}
		return got, err
	}}
}

func losesItsOwn(m lease.Manager) lease.Manager {
	return brokenManager{Manager: m, release: func(ctx context.Context, held lease.Lease) error {
		i, err := lease.Inspect(ctx, m, held.Name)
		if err != nil {
			return err
		}
		return &lease.LostError{Name: held.Name, Token: held.Token, Reason: lease.LostReleased, Now: i}
	}}
}

const (
	brokenLength = 300 * time.Millisecond
	tries        = 10 // histories in which the fault has to show
)

// calm causes no faults; contexts still end.
type calm struct{}

func (calm) disturb()    {}
func (calm) heal()       {}
func (calm) faults() int { return 0 }

// inFiles is the sound store, in this process, with a broken store or manager on top of it.
func inFiles(t testing.TB, breakStore func(lease.Store) lease.Store, breakManager func(lease.Manager) lease.Manager) service {
	var store lease.Store = file.NewStore(t.TempDir())
	if breakStore != nil {
		store = breakStore(store)
	}
	return service{
		length: brokenLength, span: 5 * brokenLength, disturbs: time.Second,
		connect: func(testing.TB, int) connection {
			m := lease.NewManager(store)
			if breakManager != nil {
				m = breakManager(m)
			}
			return connection{Store: store, Manager: m, faulty: calm{}}
		},
	}
}

// found plays histories until one is wrong, and returns the error of its Check.
func found(t *testing.T, check func() error) error {
	for range tries {
		if err := check(); err != nil {
			return err
		}
	}
	t.Fatalf("%d histories, and nothing shows", tries)
	return nil
}

var picture = regexp.MustCompile(`the picture is (\S+)`)

// told requires an ErrWrong from which one can find the cause.
func told(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, ErrWrong)
	file := picture.FindStringSubmatch(err.Error())
	if file == nil {
		assert.Contains(t, err.Error(), "belongs to")
		return
	}
	content, readErr := os.ReadFile(file[1])
	require.NoError(t, readErr)
	assert.Contains(t, string(content), "<html")
	assert.Regexp(t, `(?m)^ .* client .* = .*  <--$`, err.Error())
}

func TestBrokenStores(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(lease.Store) lease.Store{
		"swaps without the condition":                   unconditional,
		"loads what was there before":                   stale,
		"forgets a write that it acknowledged":          every(forgets),
		"says conflict of a write that it made":         every(denies),
		"writes once more, late, without its condition": every(repeats),
		"gives a version twice":                         coarse,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(t, found(t, func() error {
				h, _ := inFiles(t, breaks, nil).playCells(t, nil, "a", "b")
				return h.Check(checkLimit, t.TempDir())
			}))
		})
	}
}

func TestBrokenManagers(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]struct {
		store   func(lease.Store) lease.Store
		manager func(lease.Manager) lease.Manager
	}{
		"the store swaps without the condition": {store: unconditional},
		"the store loads what was there before": {store: stale},
		"the store says that a record is older": {store: older},
		"gives tokens twice":                    {manager: halved},
		"takes over before the lease is over":   {manager: impatientlyAcquires},
		"releases what is somebody else's":      {manager: releasesAnybodys},
		"renews what is lost":                   {manager: renewsWhatIsLost},
		"says of its own lease that it is lost": {manager: losesItsOwn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(t, found(t, func() error {
				h, _ := inFiles(t, broken.store, broken.manager).playLeases(t, nil, "a", "b")
				return h.Check(checkLimit, t.TempDir())
			}))
		})
	}
}

// The store and manager below those of the tests above are sound.
func TestSoundFiles(t *testing.T) {
	t.Parallel()
	s := inFiles(t, nil, nil)
	cells, _ := s.playCells(t, map[string]int{"conflicts": 10}, "a", "b")
	require.NoError(t, cells.Check(checkLimit, ""))
	leases, _ := s.playLeases(t, map[string]int{"takeovers": 1, "told lost": 1, "told held": 10, "values inherited": 5, "newer values kept": 1}, "c", "d")
	require.NoError(t, leases.Check(checkLimit, ""))
}

// A history that is not decided in time does not pass.
func TestUndecided(t *testing.T) {
	t.Parallel()
	h, _ := inFiles(t, nil, nil).playCells(t, nil, "a")
	err := h.Check(time.Nanosecond, t.TempDir())
	require.ErrorIs(t, err, ErrUndecided)
	require.FileExists(t, picture.FindStringSubmatch(err.Error())[1])
}
