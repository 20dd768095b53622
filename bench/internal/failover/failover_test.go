package failover

import (
	"context"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/bench/internal/failover/candidate"
	"github.com/cloudlease/leader/bench/internal/peer"
)

// candidateVariable makes the test's program a candidate, so that none has to be built.
const candidateVariable = "LEADER_BENCH_CANDIDATE"

func TestMain(m *testing.M) {
	if os.Getenv(candidateVariable) == "1" {
		candidate.Main(os.Args[1:])
	}
	os.Exit(m.Run())
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tt := range []struct {
		samples []float64
		q, want float64
	}{
		{hundred, 0.5, 50}, {hundred, 0.9, 90}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1},
		{[]float64{3, 1, 2}, 0.5, 2}, {[]float64{7}, 0.5, 7}, {[]float64{1, 2}, 0.5, 1}, {[]float64{1, 2}, 0.51, 2},
	} {
		assert.InDelta(t, tt.want, quantile(tt.samples, tt.q), 0, "%v of %v", tt.q, tt.samples)
	}
	assert.True(t, math.IsNaN(quantile(nil, 0.5)))
	assert.InDelta(t, 100.0, hundred[0], 0, "the samples stay in their order")
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	at := func(pairs ...time.Duration) (terms []term) {
		for i := 0; i < len(pairs); i += 2 {
			terms = append(terms, term{&process{}, pairs[i], pairs[i+1]})
		}
		return terms
	}
	for _, tt := range []struct {
		name  string
		terms []term
		want  int
	}{
		{"none", nil, 0},
		{"one after the other", at(0, 5, 5, 8, 9, never), 0},
		{"out of order", at(9, never, 0, 5, 5, 8), 0},
		{"the second before the first is over", at(0, 5, 4, 8), 1},
		{"two within a long one", at(0, 10, 2, 3, 5, 6, 11, 12), 2},
		{"one that never ended", at(0, never, 7, 8), 1},
	} {
		assert.Equal(t, tt.want, overlaps(tt.terms), tt.name)
	}
}

func TestArithmetic(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, 1234.6, tenth(1234567*time.Microsecond), 1e-9)
	assert.Equal(t, 30, share(300, 10))
	assert.Equal(t, 34, share(100, 3))
	assert.Equal(t, 0, share(0, 3))
	of := Of{Length: 15, AcquireEvery: 5, Fresh: []float64{18500}}
	assert.InDeltaSlice(t, []float64{1, 1.2}, of.lengths([]float64{15000, 18000}), 1e-9)
	assert.InDelta(t, 4.0/3, of.allowed(), 1e-9)
	assert.InDeltaSlice(t, []float64{3.5}, of.beyond(), 1e-9)
	assert.Equal(t, 1, above([]float64{1, 2, 3}, 2))
}

func TestLengthFor(t *testing.T) {
	t.Parallel()
	of := func(key string, length time.Duration) time.Duration {
		p, err := peer.Find(key)
		require.NoError(t, err)
		return lengthFor(p, length)
	}
	assert.Equal(t, 15*time.Second, of("leader-azblob", 6*time.Second))
	assert.Equal(t, 20*time.Second, of("leader-azblob", 20200*time.Millisecond))
	assert.Equal(t, 7*time.Second, of("etcd", 6500*time.Millisecond))
	assert.Equal(t, 6500*time.Millisecond, of("client-go", 6500*time.Millisecond))
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	o := Options{Kills: -1, LeadTo: 2}
	o.defaults()
	assert.Zero(t, o.Kills, "below 0 is none")
	assert.Equal(t, 50, o.Handovers)
	assert.Equal(t, 15*time.Second, o.Length)
	assert.InDelta(t, o.LeadFrom, o.LeadTo, 0, "not before it may begin")
}

func TestProcessTakesLines(t *testing.T) {
	t.Parallel()
	p := &process{}
	say := func(at time.Duration, m peer.Moment) { p.take(event{of: p, Line: candidate.Line{At: at, Moment: m}}) }
	say(1, peer.Renewing)
	assert.True(t, p.renewal)
	say(2, peer.Renewed)
	say(3, peer.Started)
	say(4, peer.Renewing)
	say(5, peer.Failed)
	assert.False(t, p.renewal)
	assert.Equal(t, time.Duration(1), p.renewed, "a renewal that failed does not count")
	say(6, peer.Renewing)
	assert.Equal(t, time.Duration(1), p.renewed, "nor one that has not succeeded yet")
	say(7, peer.Renewed)
	assert.Equal(t, time.Duration(6), p.renewed, "a renewal counts from when it was sent")
	assert.True(t, p.leads)
	say(8, peer.Stopped)
	say(9, peer.Released)
	assert.False(t, p.leads)
	assert.Equal(t, time.Duration(9), p.released)
}

func TestWhatDoesNotCount(t *testing.T) {
	t.Parallel()
	g := &group{pulse: &pulse{}}
	assert.True(t, g.counts(&process{began: 5, stopped: 4}))
	assert.False(t, g.counts(&process{began: 5, stopped: 6}))
	assert.False(t, g.counts(&process{began: 5, renewal: true}))
	g.pulse.note(7, 5*time.Second, 5*time.Second)
	assert.True(t, g.counts(&process{began: 5, renewed: 8}), "it paused before")
	assert.False(t, g.counts(&process{began: 5, renewed: 6}))
	assert.Equal(t, []int{1, 1, 1}, []int{g.lost, g.discarded, g.disturbed})
}

func TestPulse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		mono, wall time.Duration
		want       []float64
	}{
		{"as it should be", beat, beat, nil},
		{"busy", beat + 900*time.Millisecond, beat + 900*time.Millisecond, nil},
		{"it stood still, and all clocks know", beat + 3*time.Second, beat + 3*time.Second, []float64{3}},
		{"it stood still, and one clock knows", beat, beat + 3*time.Second, []float64{3}},
		{"a clock was put back", beat, beat - 2*time.Second, []float64{2}},
	} {
		var p pulse
		p.note(10, tt.mono, tt.wall)
		assert.Equal(t, tt.want, p.all(), tt.name)
		assert.Equal(t, tt.want != nil, p.missed(9), tt.name)
		assert.False(t, p.missed(11), tt.name)
	}
}

func TestAnEndingLeaderIsNobodysNext(t *testing.T) {
	t.Parallel()
	old, young := &process{leads: true, began: 1}, &process{leads: true, began: 2}
	g := &group{running: map[*process]bool{old: true, young: true}}
	assert.Same(t, young, g.leader())
	young.ending = true
	assert.Same(t, old, g.leader())
	old.leads = false
	assert.Nil(t, g.leader())
}

func TestLines(t *testing.T) {
	t.Parallel()
	want := candidate.Line{At: candidate.Now(), Moment: peer.Renewed}
	got, err := candidate.Parse(want.String())
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.LessOrEqual(t, want.At, candidate.Now())
	for _, text := range []string{"", "12", "12 ", "x renewed"} {
		_, err := candidate.Parse(text)
		assert.Error(t, err, text)
	}
}

// TestMeasure kills real processes, which have their lease in files: no service is needed.
func TestMeasure(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM there")
	}
	t.Setenv(candidateVariable, "1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	kept := t.TempDir()
	t.Setenv("TMPDIR", kept)
	r, err := Measure(ctx, Options{
		Peers: []string{"leader-file"}, Groups: 1, Kills: 2, Handovers: 1, Fresh: 1, Length: time.Second,
		LeadFrom: 0.5, LeadTo: 1, Candidate: os.Args[0], Log: t.Logf,
	})
	require.NoError(t, err)
	left, err := os.ReadDir(kept)
	require.NoError(t, err)
	assert.Empty(t, left, "what the services kept is gone")

	require.Len(t, r.Peers, 1)
	of := r.Peers[0]
	require.Len(t, of.AfterRenewal, 2)
	require.Len(t, of.AfterKill, 2)
	for i, ms := range of.AfterRenewal {
		assert.GreaterOrEqual(t, ms, 1000.0, "nobody leads before the lease is over")
		assert.Greater(t, ms, of.AfterKill[i], "the kill came after the renewal")
	}
	require.Len(t, of.Handovers, 1)
	assert.Less(t, of.Handovers[0], 1000.0, "a lease that was given back is not waited for")
	require.Len(t, of.Fresh, 1)
	assert.GreaterOrEqual(t, of.Fresh[0], 1000.0)
	assert.Zero(t, of.Overlaps)
	assert.Empty(t, of.Problems)
	assert.GreaterOrEqual(t, of.Terms, 4+2)
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	took, err := InMemory(t.Context(), 3, 15*time.Second)
	require.NoError(t, err)
	require.Len(t, took, 3)
	for _, ms := range took {
		assert.Less(t, ms, 5000.0, "a standby that is woken waits for no acquire interval")
	}
}

func TestSection(t *testing.T) {
	t.Parallel()
	r := Result{LeadFrom: 3, LeadTo: 7, Groups: 2, Missing: []string{"a peer: there is no server"}, Pauses: []float64{2, 4}, Peers: []Of{
		{
			Key: "a", Name: "Ours", Service: "s3", Ours: true, Length: 10, RenewEvery: 3, AcquireEvery: 3, Notes: "As it is.",
			AfterRenewal: []float64{10000, 12000, 14000}, AfterKill: []float64{9000, 9500, 9900},
			Handovers: []float64{1500}, Fresh: []float64{13000}, Terms: 5, Discarded: 2,
		},
		{Key: "b", Name: "Theirs", Service: "etcd", Version: "3.7", Length: 10, RenewEvery: 3, AfterRenewal: []float64{11000}, AfterKill: []float64{8000}, Handovers: []float64{0}, Overlaps: 1},
	}}
	s, err := r.Section()
	require.NoError(t, err)
	for _, want := range []string{
		"| Ours | 3 | 1.20 | 1.40 | 1.40 | 1.40 | 9.5 | 5 | 0 |",
		"| Theirs | 1 | 1.10 | 1.10 | 1.10 | 1.10 | 8 | 0 | 1 |",
		"99 % of the kills take at most 1.05 lease lengths: Ours: **missed** (1.400).",
		"Ours: **missed** in 1 of 3 (at most 1.40, not 1.30 lease lengths)",
		"| Ours | 1 | 1.5 | 1.5 | 0.50 | 0.50 | 0.15 | 0.15 |",
		"| Theirs | 1 | 0 | 0 | - | - | 0.00 | 0.00 |",
		"Ours: met (at most 0.50 of 1.00)",
		"| Ours | 1 | 1.30 | 1.30 | 3 | 3 |",
		"- Theirs (etcd 3.7), lease of 10 s.",
		"Not measured:\n\n- a peer: there is no server\n",
		"clock was stepped, 2 times meanwhile, by up to 4 s",
		"Of Ours: 2 kills are left out, as they met a renewal.",
	} {
		assert.Contains(t, s.Text, want)
	}
	assert.Contains(t, s.Key, "99 % of the next ones start within 1.40 to 1.40 lease lengths of the last renewal, by store; others: Theirs 1.10.")
	var files []string
	for _, p := range s.Plots {
		files = append(files, p.File)
		assert.True(t, strings.HasPrefix(string(p.SVG), "<?xml"), p.File)
	}
	assert.Equal(t, []string{"failover.svg", "handover.svg", "fresh.svg"}, files)

	s, err = Result{}.Section()
	require.NoError(t, err)
	assert.Empty(t, s.Key)
	assert.Empty(t, s.Plots)
}
