package doctor

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// limited is a manager in memory, with the limits of another.
type limited struct {
	*memory.Manager
	limits lease.Limits
}

func (m limited) Limits() lease.Limits { return m.limits }

var (
	azure = lease.Limits{MinLength: 15 * time.Second, MaxLength: time.Minute, LengthStep: time.Second}
	gcs   = lease.Limits{WriteEvery: time.Second}
)

// Doctor says about a length what a leader says, and advises a length that a leader takes.
func TestLengthIsOneThatALeaderTakes(t *testing.T) {
	t.Parallel()
	takes := func(length time.Duration, l lease.Limits) error {
		return leader.New(leader.WithLeaseManager(limited{memory.New(), l}), leader.WithLeaseLength(length),
			leader.WhenStarted(func(context.Context) error { return nil })).RunOnce(t.Context())
	}
	for _, test := range []struct {
		length time.Duration
		limits lease.Limits
		says   string // empty: a leader takes it
		advice string
	}{
		{15 * time.Second, lease.Limits{}, "", ""},
		{24 * time.Hour, lease.Limits{}, "", ""},
		{lease.Forever / 2, lease.Limits{}, "", ""},
		{lease.Forever, lease.Limits{}, "is longer than any process runs", "15s"},
		{lease.Forever/2 + 1, gcs, "is longer than any process runs", "15s"},
		{math.MaxInt64, lease.Limits{LengthStep: time.Second}, "is not a multiple of 1s", "15s"},
		{math.MaxInt64, azure, "above this store's maximum of 1m0s", "1m0s"},
		{leader.MinLeaseLength, lease.Limits{}, "", ""},
		{leader.MinLeaseLength - 1, lease.Limits{}, "is less than 100ms, the least", "15s"},
		{0, lease.Limits{}, "is not positive", "15s"},
		{-time.Second, azure, "is not positive", "15s"},
		{10 * time.Second, azure, "below this store's minimum of 15s", "15s"},
		{20500 * time.Millisecond, azure, "is not a multiple of 1s", "21s"},
		{2 * time.Second, gcs, "leaves no room for two attempts", "15s"},
		{3 * time.Second, gcs, "", ""},
		{15 * time.Second, lease.Limits{WriteEvery: 10 * time.Second}, "leaves no room for two attempts", "1m0s"},
	} {
		d := newDoctor(source{}, settingsOf([]Option{WithLeaseLength(test.length)}), fullWaits)
		d.limits = test.limits
		f := d.checkLength(t.Context())
		if test.says == "" {
			require.Equal(t, Well, f.Result, "%+v: %+v", test, f)
			require.NoError(t, takes(test.length, test.limits))
			continue
		}
		require.Equal(t, Failed, f.Result, "%+v: %+v", test, f)
		require.Contains(t, f.Detail, test.says)
		require.ErrorContains(t, takes(test.length, test.limits), test.says)
		require.Equal(t, "use a lease length of "+test.advice, f.Advice, "%+v", test)
		better, err := time.ParseDuration(test.advice)
		require.NoError(t, err)
		require.NoError(t, takes(better, test.limits))
	}
}

// Whatever length leaders are to have, the lease that is tried has the default one, if the store allows that.
func TestTheLeaseThatIsTriedIsShort(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		limits lease.Limits
		want   time.Duration
	}{
		{lease.Limits{}, leader.DefaultLeaseLength},
		{azure, leader.DefaultLeaseLength},
		{gcs, leader.DefaultLeaseLength},
		{lease.Limits{MinLength: time.Minute}, time.Minute},
		{lease.Limits{MaxLength: 10 * time.Second}, 10 * time.Second},
		{lease.Limits{WriteEvery: 10 * time.Second}, time.Minute},
	} {
		m := &asking{limited: limited{memory.New(), test.limits}, lengths: map[time.Duration]bool{}}
		for _, length := range []time.Duration{time.Second, 24 * time.Hour} {
			r := newDoctor(source{manager: m}, settingsOf([]Option{WithLeaseLength(length), WithSamples(1)}), waits{}).examine(t.Context())
			require.InDelta(t, length.Seconds(), r.LeaseLength, 0)
			require.Contains(t, r.all(Well), "clock", "all were tried")
		}
		require.Equal(t, map[time.Duration]bool{test.want: true}, m.lengths, "%+v", test)
	}
}

// asking notes the lengths that it is asked for.
type asking struct {
	limited
	mu      sync.Mutex
	lengths map[time.Duration]bool
}

func (m *asking) Acquire(ctx context.Context, r lease.Request) (lease.Lease, error) {
	m.mu.Lock()
	m.lengths[r.Length] = true
	m.mu.Unlock()
	return m.limited.Acquire(ctx, r)
}
