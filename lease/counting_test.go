//go:build !race

// make test runs this without the race detector, which slows it down by ten to thirty times and more.

package lease_test

import (
	"testing"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
	"github.com/stretchr/testify/require"
)

// busy is a machine whose processor is never free: who reads its clocks, one after another, may have to wait in between.
// Nothing else takes time.
type busy struct {
	host.Host
	now   time.Duration
	boot  bool
	draws func() time.Duration // how long the wait is
}

func (b *busy) Read() (r host.Reading) {
	for _, clock := range []*time.Duration{&r.Mono, &r.Wall, &r.Boot} {
		b.now += b.draws()
		*clock = b.now
	}
	if !b.boot {
		r.Boot = 0
	}
	return r
}

func (b *busy) Now() time.Time                             { return time.Unix(0, int64(b.now)) }
func (b *busy) AfterFunc(time.Duration, func()) host.Timer { return b }
func (b *busy) Stop() bool                                 { return true }
func (b *busy) chance(percent int, wait func() time.Duration) { // to wait at each clock
	b.draws = func() time.Duration {
		if random(100) < time.Duration(percent) {
			return wait()
		}
		return 30 + random(100)
	}
}

// R3: however often Check is called, a term holds within a hundredth as long as it would if it were never called.
func TestR3_CountingDoesNotRunFastBecauseItIsReadOften(t *testing.T) {
	const long = 1 << 50
	for what, b := range map[string]*busy{
		"nobody else":                   {boot: true},
		"nobody else, no boot":          {},
		"a slice now and then":          {boot: true},
		"a slice at every second clock": {boot: true},
		"the same without boot":         {},
		"throttled":                     {boot: true},
	} {
		switch what {
		case "nobody else", "nobody else, no boot":
			b.chance(0, nil)
		case "a slice now and then":
			b.chance(1, func() time.Duration { return random(4 * time.Millisecond) })
		case "throttled": // a tenth of a processor: nine of ten hundredths of a second away
			b.chance(1, func() time.Duration { return 90 * time.Millisecond })
		default:
			b.chance(50, func() time.Duration { return random(20 * time.Millisecond) })
		}
		t.Run(what, func(t *testing.T) {
			ctx := host.With(t.Context(), b)
			began := b.now
			l := held()
			l.Length = long
			ctx, keeper := lease.StartTerm(ctx, l, lease.Now(ctx))
			defer keeper.End(nil)
			term, _ := lease.TermFrom(ctx)
			before := term.Remaining()
			for range 300_000 {
				remaining := term.Remaining()
				if remaining > before {
					t.Fatalf("Remaining grew from %v to %v", before, remaining)
				}
				before = remaining
			}
			counted, passed := long-lease.Margin(long)-before, b.now-began
			t.Logf("%v passed, %v were counted: %+.3f %%", passed, counted, 100*float64(counted-passed)/float64(passed))
			require.LessOrEqual(t, counted, passed+passed/100)
			require.GreaterOrEqual(t, counted, passed-3*90*time.Millisecond, "what the last reading took may not be counted yet")
		})
	}
}
