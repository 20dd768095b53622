//go:build unix

package register

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T, path string) *Register {
	t.Helper()
	r, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func create(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a register?#%20")
	require.NoError(t, Create(path))
	return path
}

func claim(t *testing.T, r *Register, token uint64) (applied int64) {
	t.Helper()
	applied, err := r.Claim(token)
	require.NoError(t, err)
	return applied
}

func TestClaimAndApply(t *testing.T) {
	t.Parallel()
	path := create(t)
	a, b := open(t, path), open(t, path)
	require.EqualValues(t, 0, claim(t, a, 1))
	require.NoError(t, a.Apply(1, 1, "a"))
	require.NoError(t, a.Apply(1, 2, "a"))
	require.EqualValues(t, 2, claim(t, a, 1), "again")
	require.EqualValues(t, 2, claim(t, b, 3))
	for range 2 {
		require.ErrorIs(t, a.Apply(1, 3, "a"), ErrStale, "before the newer term has applied anything")
		_, err := a.Claim(2)
		require.ErrorIs(t, err, ErrStale)
		require.ErrorIs(t, a.Apply(2, 3, "a"), ErrStale)
	}
	require.ErrorIs(t, a.Apply(4, 3, "a"), ErrStale, "it has not claimed")
	require.NoError(t, b.Apply(3, 3, "b"))
	require.EqualValues(t, 3, claim(t, a, 4))
	require.NoError(t, a.Apply(4, 4, "a"))
	writes, err := b.Verify()
	require.NoError(t, err)
	require.Equal(t, 4, writes)
}

// A process in a transaction keeps others out, but not for long.
func TestBusy(t *testing.T) {
	t.Parallel()
	path := create(t)
	a, b := open(t, path), open(t, path)
	claim(t, b, 1)
	tx, err := a.db.Begin()
	require.NoError(t, err)
	for _, err := range []error{b.Apply(1, 1, "b"), second(b.Claim(2))} {
		require.ErrorContains(t, err, "locked")
		require.NotErrorIs(t, err, ErrStale)
	}
	require.NoError(t, tx.Rollback())
	require.NoError(t, b.Apply(1, 1, "b"))
	writes, err := a.Verify()
	require.NoError(t, err)
	require.Equal(t, 1, writes)
}

func second(_ int64, err error) error { return err }

// Of many writers at once, each event is applied once, and no older token gets in.
func TestWritersAtOnce(t *testing.T) {
	t.Parallel()
	path := create(t)
	var all sync.WaitGroup
	for i := range uint64(4) {
		r := open(t, path)
		all.Go(func() {
			for n := range uint64(50) {
				token := n*4 + i + 1
				if applied, err := r.Claim(token); err == nil { // some are refused
					_ = r.Apply(token, applied+1, string(rune('a'+i)))
				}
			}
		})
	}
	all.Wait()
	writes, err := open(t, path).Verify()
	require.NoError(t, err)
	require.NotZero(t, writes)
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ damage, want string }{
		"nothing":         {"SELECT 1", ""},
		"an older token":  {"INSERT INTO log (token, process, event) VALUES (1, 'a', 3)", "a stale write was accepted: a wrote with token 1 after a write with token 2"},
		"two processes":   {"INSERT INTO log (token, process, event) VALUES (2, 'a', 3)", "S2: b and a both wrote with token 2"},
		"a write is lost": {"DELETE FROM log WHERE token = 2", "it has counted 2 events, and its log has 1"},
		"an event twice":  {"INSERT INTO log (token, process, event) VALUES (3, 'c', 2)", "c with token 3 applied event 2, and it was event 3's turn"},
		"one left out":    {"DELETE FROM log WHERE token = 1", "b with token 2 applied event 2, and it was event 1's turn"},
		"one too many":    {"INSERT INTO log (token, process, event) VALUES (3, 'a', 3)", "it has counted 2 events, and its log has 3"},
		"no log":          {"DROP TABLE log", "no such table"},
		"no register":     {"DROP TABLE register", "no such table"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, create(t))
			for event, process := range []string{"a", "b"} {
				claim(t, r, uint64(event+1))
				require.NoError(t, r.Apply(uint64(event+1), int64(event+1), process))
			}
			_, err := r.db.Exec(test.damage)
			require.NoError(t, err)
			_, err = r.Verify()
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.want)
			}
		})
	}
	require.ErrorContains(t, Create(filepath.Join(t.TempDir(), "none", "register")), "register")
	require.Error(t, Create(create(t)), "twice")
}
