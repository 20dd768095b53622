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

func TestWrite(t *testing.T) {
	t.Parallel()
	path := create(t)
	a, b := open(t, path), open(t, path)
	require.NoError(t, a.Write(1, "a"))
	require.NoError(t, a.Write(1, "a"))
	require.NoError(t, b.Write(3, "b"))
	for range 2 {
		require.ErrorIs(t, a.Write(1, "a"), ErrStale)
		require.ErrorIs(t, a.Write(2, "a"), ErrStale)
	}
	require.NoError(t, b.Write(3, "b"))
	require.NoError(t, a.Write(4, "a"))
	writes, err := b.Verify()
	require.NoError(t, err)
	require.Equal(t, 5, writes)
}

// A transaction keeps others waiting, but not for long.
func TestBusy(t *testing.T) {
	t.Parallel()
	path := create(t)
	a, b := open(t, path), open(t, path)
	tx, err := a.db.Begin()
	require.NoError(t, err)
	err = b.Write(1, "b")
	require.ErrorContains(t, err, "locked")
	require.NotErrorIs(t, err, ErrStale)
	require.NoError(t, tx.Rollback())
	require.NoError(t, b.Write(1, "b"))
	writes, err := a.Verify()
	require.NoError(t, err)
	require.Equal(t, 1, writes)
}

// Of many concurrent writers, none gets an older token in.
func TestWritersAtOnce(t *testing.T) {
	t.Parallel()
	path := create(t)
	var all sync.WaitGroup
	for i := range uint64(4) {
		r := open(t, path)
		all.Go(func() {
			for n := range uint64(50) {
				_ = r.Write(n*4+i+1, string(rune('a'+i))) // some are refused
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
		"an older token":  {"INSERT INTO log (token, process) VALUES (1, 'a')", "a stale write was accepted: a wrote with token 1 after a write with token 2"},
		"two processes":   {"INSERT INTO log (token, process) VALUES (2, 'a')", "S2: b and a both wrote with token 2"},
		"a write is lost": {"DELETE FROM log WHERE token = 1", "it has counted 2 writes, and its log has 1"},
		"one too many":    {"INSERT INTO log (token, process) VALUES (3, 'a')", "it has counted 2 writes, and its log has 3"},
		"no log":          {"DROP TABLE log", "no such table"},
		"no register":     {"DROP TABLE register", "no such table"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, create(t))
			require.NoError(t, r.Write(1, "a"))
			require.NoError(t, r.Write(2, "b"))
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
