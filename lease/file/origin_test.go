package file

import (
	"net/url"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

func TestAge(t *testing.T) {
	t.Parallel()
	written := origin{Boot: "b1", Clock: time.Hour, Machine: "m1", TimeNS: "t1"}
	later := func(change func(o *origin)) origin {
		now := written
		now.Clock += time.Minute
		change(&now)
		return now
	}
	for name, c := range map[string]struct {
		written, now origin
		want         time.Duration
	}{
		"same boot":              {written, later(func(*origin) {}), time.Minute},
		"just now":               {written, written, 1},
		"clock behind":           {written, later(func(o *origin) { o.Clock = time.Minute }), 0},
		"another boot":           {written, later(func(o *origin) { o.Boot = "b2"; o.Clock = 1 }), lease.Forever},
		"another machine":        {written, later(func(o *origin) { o.Machine = "m2" }), 0},
		"another machine's boot": {written, later(func(o *origin) { o.Machine, o.Boot = "m2", "b2" }), 0},
		"machine unknown now":    {written, later(func(o *origin) { o.Machine = "" }), time.Minute},
		"machine unknown then":   {origin{Boot: "b1", Clock: time.Hour, TimeNS: "t1"}, later(func(*origin) {}), time.Minute},
		"machine never known": {
			origin{Boot: "b1", Clock: time.Hour}, origin{Boot: "b2", Clock: time.Hour}, 0,
		},
		"another time namespace":           {written, later(func(o *origin) { o.TimeNS = "t2" }), 0},
		"another time namespace and boot":  {written, later(func(o *origin) { o.TimeNS, o.Boot = "t2", "b2" }), 0},
		"time namespace unknown now":       {written, later(func(o *origin) { o.TimeNS = "" }), 0},
		"nothing known then":               {origin{}, written, 0},
		"nothing known now":                {written, origin{}, 0},
		"boot known then, clock not":       {origin{Boot: "b1", Machine: "m1", TimeNS: "t1"}, written, 0},
		"other boot known then, clock not": {origin{Boot: "b0", Machine: "m1", TimeNS: "t1"}, written, 0},
	} {
		assert.Equal(t, c.want, c.written.age(c.now), name)
	}
}

func TestMachineIDIsHashed(t *testing.T) {
	t.Parallel()
	const id = "3d1219c7c4c5404aaa1f6d2a48adfda4"
	assert.Len(t, machineHash(id), 32)
	assert.NotContains(t, machineHash(id), id[:8])
	assert.NotEqual(t, machineHash(id), machineHash(id[1:]))
	assert.Empty(t, machineHash(""))
	assert.Empty(t, machineHash("uninitialized"), "all machines that start for the first time have this one")
}

func TestAgeOnThisMachine(t *testing.T) {
	t.Parallel()
	s := NewStore(t.TempDir())
	before := time.Now()
	_, err := s.Swap(t.Context(), "a", "", []byte("x"))
	require.NoError(t, err)
	found, err := s.Load(t.Context(), "a")
	require.NoError(t, err)
	if !tellsAge {
		assert.Zero(t, found.Age)
		return
	}
	assert.Positive(t, found.Age)
	assert.LessOrEqual(t, found.Age, time.Since(before))
}

// tellsAge is whether this system says which of its starts this is.
const tellsAge = runtime.GOOS == "linux" || runtime.GOOS == "darwin"

func TestWithoutAge(t *testing.T) {
	t.Parallel()
	known := func(s *Store) {
		s.here = func() origin { return origin{Boot: "b1", Clock: time.Hour, Machine: "m1"} }
	}
	dir := t.TempDir()
	swap(t, NewStore(dir, known), "a", "", "x")
	age := func(opts ...Option) time.Duration {
		return load(t, NewStore(dir, append([]Option{known}, opts...)...), "a").Age
	}
	on := func(name string, err error) Option {
		return func(s *Store) {
			s.network = func(at string) (string, error) {
				assert.Equal(t, dir, at)
				return name, err
			}
		}
	}
	assert.Positive(t, age())
	assert.Positive(t, age(on("", nil)))
	assert.Zero(t, age(WithoutAge()))
	assert.Zero(t, age(on("nfs", nil)), "machines that are copies of one another are taken for one that was restarted")
	assert.Zero(t, age(on("", os.ErrPermission)))
}

func TestAgeOfURL(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{"": false, "?age=true": false, "?age=false": true} {
		u, err := url.Parse("file:///dir" + query)
		require.NoError(t, err)
		opts, err := options(u)
		require.NoError(t, err)
		assert.Equal(t, want, NewStore("x", opts...).ageless, query)
	}
	_, err := lease.Open(t.Context(), "file:///dir?age=perhaps")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	assert.NotContains(t, err.Error(), "perhaps")
}

// clocked returns a store on a machine whose clock only moves when the test moves it.
func clocked(dir string, start origin) (s *Store, clock *atomic.Int64) {
	clock = &atomic.Int64{}
	return NewStore(dir, func(s *Store) {
		s.here = func() origin {
			o := start
			if o.Boot != "" {
				o.Clock += time.Duration(clock.Load())
			}
			return o
		}
	}), clock
}

func TestTakeoverByFreshManager(t *testing.T) {
	t.Parallel()
	ask := func(holder string) lease.Request {
		return lease.Request{Name: "a", Holder: holder, Length: time.Minute}
	}
	known := origin{Boot: "b1", Clock: time.Hour, Machine: "m1", TimeNS: "t1"}

	t.Run("as soon as the lease has run out", func(t *testing.T) {
		t.Parallel()
		s, clock := clocked(t.TempDir(), known)
		first, err := lease.NewManager(s).Acquire(t.Context(), ask("gone"))
		require.NoError(t, err)

		clock.Add(int64(time.Minute - 1))
		_, err = lease.NewManager(s).Acquire(t.Context(), ask("fresh"))
		var held *lease.HeldError
		require.ErrorAs(t, err, &held)
		// Real time counts as well, from when the fresh manager looked.
		assert.LessOrEqual(t, held.Info.RetryAfter, time.Duration(1))

		clock.Add(1)
		second, err := lease.NewManager(s).Acquire(t.Context(), ask("fresh"))
		require.NoError(t, err)
		assert.Equal(t, first.Token+1, second.Token)
	})
	t.Run("at once after a restart", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		before, _ := clocked(dir, known)
		_, err := lease.NewManager(before).Acquire(t.Context(), ask("gone"))
		require.NoError(t, err)
		after, _ := clocked(dir, origin{Boot: "b2", Clock: time.Second, Machine: "m1", TimeNS: "t1"})
		_, err = lease.NewManager(after).Acquire(t.Context(), ask("fresh"))
		require.NoError(t, err)
	})
	t.Run("not while the age is unknown", func(t *testing.T) {
		t.Parallel()
		s, clock := clocked(t.TempDir(), origin{})
		_, err := lease.NewManager(s).Acquire(t.Context(), ask("gone"))
		require.NoError(t, err)
		clock.Add(int64(time.Hour))
		_, err = lease.NewManager(s).Acquire(t.Context(), ask("fresh"))
		require.ErrorIs(t, err, lease.ErrHeld)
	})
	t.Run("by this machine's clock", func(t *testing.T) {
		t.Parallel()
		if !tellsAge {
			t.Skip("this system does not say which of its starts this is")
		}
		const length = 300 * time.Millisecond
		dir := t.TempDir()
		request := lease.Request{Name: "a", Holder: "gone", Length: length}
		sent := time.Now()
		_, err := New(dir).Acquire(t.Context(), request)
		require.NoError(t, err)
		refused := 0
		require.Eventually(t, func() bool {
			_, err := New(dir).Acquire(t.Context(), request) // a new manager each time has watched nothing
			if err != nil {
				require.ErrorIs(t, err, lease.ErrHeld)
				refused++
			}
			return err == nil
		}, 10*time.Second, 10*time.Millisecond)
		assert.GreaterOrEqual(t, time.Since(sent), length)
		assert.Positive(t, refused)
	})
}
