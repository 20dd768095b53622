package lease_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// scripted is a machine whose clocks show what a test says. Its timers never fire: the test looks by itself.
type scripted struct {
	host.Host
	now host.Reading
}

func (s *scripted) Read() host.Reading                         { return s.now }
func (s *scripted) Now() time.Time                             { return time.Unix(0, int64(s.now.Wall)) }
func (s *scripted) AfterFunc(time.Duration, func()) host.Timer { return s }
func (s *scripted) Stop() bool                                 { return true }

// tick moves the clocks: the monotonic one and that of the boot only forward, the wall clock anywhere after 1970, as what
// it counts in has no room for more.
func (s *scripted) tick(step []byte) {
	forward := func(at time.Duration, by uint64) time.Duration {
		return at + time.Duration(by%uint64(math.MaxInt64-at+1))
	}
	by := binary.LittleEndian.Uint64(step[1:]) >> (step[0] & 63)
	switch step[0] >> 6 {
	case 0:
		s.now.Mono = forward(s.now.Mono, by)
	case 1:
		s.now.Boot = forward(s.now.Boot, by)
	case 2:
		s.now.Wall = forward(s.now.Wall, by)
	default:
		s.now.Wall = time.Duration(by >> 1)
	}
}

// running is a machine with a clock that counts suspension: without one, a step back is the end.
func running() *scripted { return &scripted{now: host.Reading{Boot: 1}} }

// sum counts as R3 says. Between two samples that are ten milliseconds apart, or whose clocks differ by as much, it adds the most
// that any clock shows. To that sum it adds the most that any clock shows since the latest of these samples.
type sum struct {
	last          host.Reading
	base, counted *big.Int
}

// differ is that what one clock says passed is ten milliseconds more than what another says.
func (s sum) differ(now host.Reading) bool {
	passed := [][2]time.Duration{{now.Mono, s.last.Mono}, {now.Boot, s.last.Boot}, {now.Wall, s.last.Wall}}
	for _, a := range passed {
		for _, b := range passed {
			d := new(big.Int).Sub(big.NewInt(int64(a[0]-a[1])), big.NewInt(int64(b[0]-b[1])))
			if d.Cmp(big.NewInt(1e7)) >= 0 {
				return true
			}
		}
	}
	return false
}

func sumFrom(now host.Reading) sum { return sum{now, new(big.Int), new(big.Int)} }

func (s sum) sample(now host.Reading) sum {
	passed := max(now.Mono-s.last.Mono, now.Boot-s.last.Boot, now.Wall-s.last.Wall, 0)
	counted := new(big.Int).Add(s.base, big.NewInt(int64(passed)))
	if most := big.NewInt(math.MaxInt64); counted.Cmp(most) > 0 {
		counted = most
	}
	if s.counted.Cmp(counted) < 0 {
		s.counted = counted
	}
	if passed >= 10*time.Millisecond || s.differ(now) {
		s.last, s.base = now, s.counted
	}
	return s
}

// steps cuts a script into pieces of one byte for what happens and eight for how much.
func steps(script []byte) (steps [][]byte) {
	for ; len(script) >= 9 && len(steps) < 200; script = script[9:] {
		steps = append(steps, script[:9])
	}
	return steps
}

func script(steps ...any) []byte {
	var b bytes.Buffer
	for _, step := range steps {
		switch step := step.(type) {
		case int:
			b.WriteByte(byte(step))
		case time.Duration:
			_ = binary.Write(&b, binary.LittleEndian, uint64(step))
		}
	}
	return b.Bytes()
}

// FuzzInstant: what is counted is the sum of the largest of what the clocks say between two samples (R3), however the
// clocks are stepped, and if that is more than a duration can be, as long as there is. It never becomes less, nor less
// than what a clock shows that only goes forward.
func FuzzInstant(f *testing.F) {
	const mono, boot, wall, set = 0, 64, 128, 192
	f.Add(script(mono, time.Second, boot, time.Minute, wall, time.Hour, set, time.Duration(0)))
	f.Add(script(boot, time.Duration(math.MaxInt64), wall, time.Duration(math.MaxInt64), mono, time.Duration(math.MaxInt64)))
	f.Add(script(set, time.Duration(-1), set, time.Duration(1), set, time.Duration(-1), set, time.Duration(1)))
	f.Add(script(mono, time.Millisecond, boot, 9*time.Millisecond, wall, 5*time.Millisecond, boot, 2*time.Millisecond))
	f.Fuzz(func(t *testing.T, data []byte) {
		clocks := running()
		start := lease.Now(host.With(t.Context(), clocks))
		want, before := sumFrom(clocks.now), time.Duration(0)
		for _, step := range steps(data) {
			clocks.tick(step)
			want = want.sample(clocks.now)
			start = start.Sample()
			got := start.Elapsed()
			require.Equal(t, want.counted.Int64(), int64(got))
			require.GreaterOrEqual(t, got, max(before, clocks.now.Mono, clocks.now.Boot-1))
			before = got
		}
		require.Equal(t, time.Duration(math.MaxInt64), lease.Instant{}.Elapsed(), "the zero Instant is infinitely long ago")
	})
}

// FuzzTerm: whatever the clocks do, and however renewals come, a term holds exactly as long as its latest renewal gives:
// its length less the margin, from before it was sent, by the clock that says most (R2, R3). A renewal that was sent
// before, and gives less, takes nothing away, unless the record now says a shorter length. Once the term has ended, it
// never holds again (R8).
func FuzzTerm(f *testing.F) {
	const mono, boot, swap, send, extend = 0, 64, 64 + 63, 128 + 63, 192 + 63
	f.Add(int64(10*time.Second), script(mono, 8*time.Second, send, time.Duration(0), mono, 500*time.Millisecond,
		extend, 10*time.Second, boot, 8*time.Second, mono, 2*time.Second, extend, time.Hour))
	f.Add(int64(10*time.Second), script(mono, 9*time.Second-1, mono, time.Duration(1), extend, time.Hour))
	f.Add(int64(10*time.Second), script(mono, time.Second, extend, 5*time.Second, boot, 4*time.Second))
	f.Add(int64(5*time.Second), script(send, time.Duration(0), mono, time.Second, extend, 10*time.Second, send, time.Duration(0), extend, 7*time.Second))
	f.Add(int64(10*time.Second), script(mono, 2*time.Second, swap, time.Duration(0), send, time.Duration(0), extend, 10*time.Second,
		swap, time.Duration(0), extend, 10*time.Second, mono, 8*time.Second, boot, time.Second))
	f.Add(int64(math.MaxInt64), script(mono, time.Duration(math.MaxInt64), boot, time.Duration(math.MaxInt64)))
	f.Add(int64(1), script(mono, time.Duration(1)))
	f.Add(int64(-1), script(extend, time.Second))
	f.Add(int64(time.Minute), script(send, time.Duration(0), extend, time.Second, boot, time.Second, extend, time.Hour))
	f.Fuzz(func(t *testing.T, length int64, data []byte) {
		clocks := running()
		parent := host.With(t.Context(), clocks)
		sent := lease.Now(parent) // a request that is under way
		sentSum := sumFrom(clocks.now)
		other, otherSum := sent, sentSum // another
		since, alive := sentSum, true    // from when the term counts
		usable := func(length int64) *big.Int { return big.NewInt(max(length-length/10, 0)) }
		left := func(length int64, since sum) *big.Int { return new(big.Int).Sub(usable(length), since.counted) }
		ctx, keeper := lease.StartTerm(parent, lease.Lease{Name: name, Token: 1, Length: time.Duration(length)}, sent)
		term, ok := lease.TermFrom(ctx)
		require.True(t, ok)
		look := func() {
			t.Helper()
			since = since.sample(clocks.now)
			alive = alive && left(length, since).Sign() > 0
			err, remaining := term.Check(), term.Remaining()
			require.Equal(t, alive, err == nil, "%v, %v left", err, left(length, since))
			require.Equal(t, alive, !term.Deadline().IsZero())
			if alive {
				require.Equal(t, left(length, since).Int64(), int64(remaining))
				require.NoError(t, ctx.Err())
				return
			}
			require.ErrorIs(t, err, lease.ErrLost)
			require.Zero(t, remaining)
			require.ErrorIs(t, context.Cause(ctx), lease.ErrLost)
		}
		look()
		for _, step := range steps(data) {
			value := int64(binary.LittleEndian.Uint64(step[1:]))
			switch step[0] {
			case send:
				sent, sentSum = lease.Now(parent), sumFrom(clocks.now)
			case swap: // the one that was sent before may be answered later
				sent, sentSum, other, otherSum = other, otherSum, sent, sentSum
			case extend:
				keeper.Extend(lease.Lease{Name: name, Token: 1, Length: time.Duration(value)}, sent)
				if value < length || left(value, sentSum).Cmp(left(length, since)) >= 0 {
					length, since = value, sentSum
				}
			default:
				clocks.tick(step)
				sent, other = sent.Sample(), other.Sample()
				sentSum, otherSum = sentSum.sample(clocks.now), otherSum.sample(clocks.now)
			}
			look()
		}
		keeper.End(nil)
		require.Error(t, term.Check())
	})
}
