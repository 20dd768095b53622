package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// waits are clocks that all go right, read by a thread that has to wait for its processor now and then.
type waits struct {
	now   time.Duration
	waits []time.Duration // before each look at a clock, the boot clock's, too; then none
	looks int
}

func (w *waits) look() time.Duration {
	if w.looks < len(w.waits) {
		w.now += w.waits[w.looks]
	}
	w.looks++
	w.now += time.Microsecond / 4
	return w.now
}

func (w *waits) pair() (mono, wall time.Duration) {
	wall = w.look()
	return w.look(), wall
}

func TestClocksAreReadTogether(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, test := range []struct {
		what  string
		waits []time.Duration
		tries int
		apart time.Duration
	}{
		{"never waited", nil, 1, time.Microsecond},
		{"before all", []time.Duration{50 * ms}, 1, time.Microsecond},
		{"between the wall clock and the monotonic one", []time.Duration{0, 50 * ms}, 2, time.Microsecond},
		{"before the boot clock", []time.Duration{0, 0, 50 * ms}, 2, time.Microsecond},
		{"after the boot clock", []time.Duration{0, 0, 0, 50 * ms}, 2, time.Microsecond},
		{"twice", []time.Duration{0, 0, 50 * ms, 0, 0, 20 * ms}, 3, time.Microsecond},
		{"each time", []time.Duration{0, 0, ms, 0, 0, ms, 0, 0, ms, 0, 0, ms, 0, 0, ms}, attempts, ms + time.Microsecond},
	} {
		w := &waits{waits: test.waits}
		r := together(w.pair, w.look)
		require.LessOrEqual(t, max(r.Mono, r.Wall, r.Boot)-min(r.Mono, r.Wall, r.Boot), test.apart, test.what)
		require.Equal(t, 2+3*test.tries, w.looks, test.what)
	}
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		_ = System.Read()
	}
}

// The wall clock shows a date for which Go's Time has no monotonic reading. It is no clock to count by all the same.
func TestAWallClockThatIsCenturiesOff(t *testing.T) {
	t.Parallel()
	before := System.Read()
	for _, year := range []int{1700, 1884, 2158, 2200} {
		wall := time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
		from := Monotonic()
		r := read(func() time.Time { return wall })
		require.GreaterOrEqual(t, r.Mono, from, year)
		require.LessOrEqual(t, r.Mono, Monotonic(), year)
		require.Equal(t, time.Duration(wall.UnixNano()), r.Wall, year)
		require.Equal(t, before.Boot == 0, r.Boot == 0, year)
	}
}

// The process began when the wall clock was so wrong, and then it is set right.
func TestAWallClockThatWasCenturiesOff(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	for _, year := range []int{1884, 2158} {
		start := time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
		require.Equal(t, hour, monotonic(start, func() time.Duration { return hour }), "the boot clock's")
		require.Zero(t, monotonic(start, func() time.Duration { return 0 }), "no time passes")
	}
	require.Less(t, monotonic(time.Now(), func() time.Duration { return hour }), hour)
}
