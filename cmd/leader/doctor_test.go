package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease"
)

// examine runs leader doctor --json at the place.
func (p place) examine(t testing.TB, args ...string) (examination, outcome) {
	t.Helper()
	return p.begin(t, args...)(t)
}

// begin does so until what it returns is called: most of the time goes by in waiting, so several are run at once, more
// than there are processors.
func (p place) begin(t testing.TB, args ...string) func(t testing.TB) (examination, outcome) {
	t.Helper()
	end := begin(t, p.doctor(t, append(args, "--json")...))
	return func(t testing.TB) (examination, outcome) {
		t.Helper()
		o := end()
		return decodeJSON[examination](t, o.out), o
	}
}

func (p place) doctor(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := command(t, append([]string{"doctor", "--store", p.store, "--samples", "3"}, args...)...)
	if p.env != nil {
		cmd.Env = append(cmd.Env, p.env(p.upstream))
	}
	return cmd
}

func (r examination) of(check string) finding {
	i := slices.IndexFunc(r.Checks, func(f finding) bool { return f.Check == check })
	if i < 0 {
		return finding{}
	}
	return r.Checks[i]
}

// all are the names of the checks of that result.
func (r examination) all(wanted result) (names []string) {
	for _, f := range r.Checks {
		if f.Result == wanted {
			names = append(names, f.Check)
		}
	}
	return names
}

var everyCheck = []string{"open", "length", "read", "create", "list", "first", "race", "held", "renew", "stale", "fresh", "clock", "tokens", "latency", "clean"}

// wantFailed is that these checks failed, with something to do about each, and the command with them.
func wantFailed(t testing.TB, r examination, o outcome, checks ...string) {
	t.Helper()
	o.want(t, exitFailed, "failed: "+strings.Join(checks, ", "))
	require.False(t, r.OK)
	require.Equal(t, checks, r.all(failed), "%s", o.out)
	for _, f := range r.Checks {
		require.Equal(t, f.Result == failed || f.Result == warning, f.Advice != "", "%+v", f)
		require.NotEmpty(t, f.Detail)
	}
}

func filePlace(t testing.TB) (place, shelf) {
	s := newShelf(t)
	return place{store: s.url}, s
}

func wantWell(t testing.TB, r examination, o outcome) {
	t.Helper()
	o.want(t, 0, "")
	require.True(t, r.OK)
	require.Equal(t, everyCheck, r.all(well), "%s", o.out)
	require.Equal(t, 3, r.Reads.Count)
	require.Equal(t, 3, r.Renewals.Count)
	require.Positive(t, r.Renewals.P50)
	require.Equal(t, r.Renewals.Max, r.Renewals.P99)
	require.LessOrEqual(t, r.Renewals.P50, r.Renewals.P99)
	require.InDelta(t, 15, r.LeaseLength, 0)
	require.InDelta(t, 15, r.Suggested, 0)
	require.True(t, strings.HasPrefix(r.Scratch, scratch))
	require.Contains(t, r.of("clean").Detail, r.Scratch)
}

func TestDoctorOnFiles(t *testing.T) {
	t.Parallel()
	p, s := filePlace(t)
	r, o := p.examine(t)
	wantWell(t, r, o)
	require.Equal(t, limits{}, r.Limits)
	require.Equal(t, p.store, r.Store)

	// It leaves one record, of a lease that is free, and that was acquired as often as it says.
	var left []lease.Info
	for info, err := range lease.List(t.Context(), s, "") {
		require.NoError(t, err)
		left = append(left, info)
	}
	require.Len(t, left, 1)
	require.Equal(t, r.Scratch, left[0].Name)
	require.Equal(t, lease.Free, left[0].State)
	require.Contains(t, r.of("tokens").Detail, "12 acquisitions")
	require.Equal(t, uint64(12), left[0].Token)
}

// However often it comes, it leaves one record, and says what it has not tried again.
func TestDoctorLeavesNothingThatGrows(t *testing.T) {
	t.Parallel()
	p, s := filePlace(t)
	records := func() (count int) {
		for _, err := range lease.List(t.Context(), s, "") {
			require.NoError(t, err)
			count++
		}
		return count
	}
	for i := range 3 {
		r, o := p.examine(t)
		o.want(t, 0, "")
		require.True(t, r.OK)
		require.Equal(t, i == 0, r.of("first").Result == well)
		require.Equal(t, i > 0, slices.Equal(r.all(skipped), []string{"first"}))
		require.Equal(t, 1, records())
	}
	r, o := p.examine(t, "--anew")
	wantWell(t, r, o)
	require.Equal(t, 2, records())

	// Two at once would take each other for a store that is not fit.
	_, err := s.Acquire(t.Context(), lease.Request{Name: scratch, Holder: holder(0), Length: time.Hour})
	require.NoError(t, err)
	r, o = p.examine(t)
	o.want(t, exitFailed, "failed: read")
	require.Contains(t, r.of("read").Detail, "another doctor is at work here")
}

func TestDoctorOnServices(t *testing.T) {
	t.Parallel()
	places, examined := map[emulator.Service]place{}, map[emulator.Service]func(testing.TB) (examination, outcome){}
	for service := range services {
		places[service] = newPlace(t, service)
		examined[service] = places[service].begin(t)
	}
	for service, p := range places {
		t.Run(string(service), func(t *testing.T) {
			r, o := examined[service](t)
			wantWell(t, r, o)
			require.NotNil(t, r.TellsAge)
			if p.upstream != "" { // an emulator is not the service itself
				require.False(t, *r.TellsAge)
				if service != emulator.Azure {
					require.Contains(t, r.of("clock").Detail, "age=true in the URL turns it on")
				}
			}
			require.InDelta(t, map[emulator.Service]float64{emulator.GCS: 1}[service], r.Limits.WriteEvery, 0)
			require.InDelta(t, map[emulator.Service]float64{emulator.Azure: 15}[service], r.Limits.MinLength, 0)

			if service == emulator.GCS { // where it waits between its writes
				require.GreaterOrEqual(t, r.of("held").Seconds, 1.0)
				require.GreaterOrEqual(t, r.of("stale").Seconds, 4.0)
				require.GreaterOrEqual(t, r.of("fresh").Seconds, 4.0)
			}
			e := decodeJSON[entry](t, end(t, command(t, "status", r.Scratch, "--store", p.store, "--json")).out)
			require.Equal(t, free, e.State)
		})
	}
}

// With age=true, the clocks of whatever answers are good enough.
func TestDoctorWithAge(t *testing.T) {
	t.Parallel()
	examined := map[emulator.Service]func(testing.TB) (examination, outcome){}
	for _, service := range []emulator.Service{emulator.DynamoDB, emulator.S3, emulator.GCS} {
		p := newPlace(t, service)
		p.store += "?age=true"
		examined[service] = p.begin(t)
	}
	for service, examined := range examined {
		t.Run(string(service), func(t *testing.T) {
			r, o := examined(t)
			wantWell(t, r, o)
			require.True(t, *r.TellsAge)
			require.Contains(t, r.AgeFrom, "Date")
			require.Contains(t, r.of("clock").Detail, "the clocks of 12 answers agree")
			require.Contains(t, r.Store, "?age=true")
		})
	}
}

func TestDoctorForPeople(t *testing.T) {
	t.Parallel()
	p, s := filePlace(t)
	o := end(t, p.doctor(t, "--lease-length", "9s"))
	o.want(t, 0, "")
	for _, line := range []string{
		"ok       first    of 8 that tried at once to take a lease that was never taken, one got it\n",
		"ok       race     of 8 that tried at once to take a free lease, one got it, 5 times\n",
		"ok       stale    a renewal and a release of a lease that was lost are refused\n",
		"\nsuggested lease length: 15s\nNothing is wrong. ok: 15, warnings: 0, failed: 0, skipped: 0.\n",
	} {
		require.Contains(t, o.out, line)
	}
	require.Regexp(t, `\nreads     p50 \S+s, p99 \S+s, max \S+s of 3\nrenewals  p50 \S+s, p99 \S+s, max \S+s of 3\n`, o.out)

	notes := filepath.Join(s.dir, "notes") // a file, and not a directory
	p.store = fileURL(notes)
	require.NoError(t, os.WriteFile(notes, nil, 0o600))
	o = end(t, p.doctor(t))
	o.want(t, exitFailed, "failed: read")
	require.Contains(t, o.out, "\nfailed   read     ")
	require.Contains(t, o.out, "\n                  what to do: do what that says, then run leader doctor again\nskipped  create   needs read\n")
	require.Contains(t, o.out, "ok       clean    nothing was written\n")
	require.Contains(t, o.out, "\nNot fit, or not known to be. ok: 3, warnings: 1, failed: 1, skipped: 10.\n")
}

func TestDoctorWithoutAPlace(t *testing.T) {
	t.Parallel()
	examined := map[string]func(t *testing.T) place{
		"directory": func(t *testing.T) place { return place{store: fileURL(filepath.Join(t.TempDir(), "mistyped"))} },
	}
	for service := range services {
		examined[string(service)] = func(t *testing.T) place { return nowhere(t, service) }
	}
	for name, at := range examined {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, o := at(t).examine(t)
			wantFailed(t, r, o, "read")
			require.Contains(t, r.of("read").Detail, "make it with leader init")
			require.NotContains(t, r.all(well), "tokens")
		})
	}
}

// With ?create=true there need not be a container.
func TestDoctorMakesAContainer(t *testing.T) {
	t.Parallel()
	p := nowhere(t, emulator.Azure)
	p.store += "?create=true"
	r, o := p.examine(t)
	wantWell(t, r, o)
}

func TestDoctorOnTheURL(t *testing.T) {
	t.Parallel()
	r, o := place{store: "s3://bucket?regoin=x"}.examine(t)
	wantFailed(t, r, o, "open")
	require.Contains(t, r.of("open").Detail, "s3: knows region, profile")
	require.Equal(t, everyCheck[1:], r.all(skipped))
}

func TestDoctorOnTheLength(t *testing.T) {
	t.Parallel()
	r, o := newPlace(t, emulator.Azure).examine(t, "--lease-length", "10s")
	wantFailed(t, r, o, "length")
	require.Contains(t, r.of("length").Detail, "below this store's minimum of 15s")
	require.Equal(t, "use a lease length of 15s", r.of("length").Advice)
	require.InDelta(t, 15, r.Suggested, 0)
}

// Slow renewals are a warning if they leave little room for others, and a failure if there is no time for them.
func TestLatency(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		length, slowest time.Duration
		want            result
		advice          string
	}{
		{15 * time.Second, time.Second, well, ""},
		{15 * time.Second, 1666 * time.Millisecond, well, ""},
		{15 * time.Second, 1700 * time.Millisecond, warning, "use a lease length of 16s, or a store that is nearer"},
		{15 * time.Second, 4999 * time.Millisecond, warning, "use a lease length of 45s, or a store that is nearer"},
		{15 * time.Second, 5 * time.Second, failed, "use a lease length of 45s, or a store that is nearer"},
		{2 * time.Second, time.Millisecond, warning, "use a lease length of 15s, or a store that is nearer"},
		{time.Minute, 5 * time.Second, well, ""},
	} {
		d := doctor{length: test.length, renewals: []time.Duration{time.Millisecond, test.slowest}}
		f := d.checkLatency(t.Context())
		require.Equal(t, test.want, f.Result, "%+v: %+v", test, f)
		require.Equal(t, test.advice, f.Advice)
	}
	require.Equal(t, failed, (&doctor{}).checkLatency(t.Context()).Result)

	// One that is slow among many fails a length, and so what is suggested is another.
	for slowest, advice := range map[time.Duration]string{
		6 * time.Second:  "use a lease length of 24s, or a store that is nearer",
		30 * time.Second: "use a store that is nearer", // Azure's longest lease would not do
	} {
		many := append(slices.Repeat([]time.Duration{time.Millisecond}, 200), slowest)
		d := doctor{length: 15 * time.Second, renewals: many, limits: lease.Limits{MaxLength: time.Minute}}
		f := d.checkLatency(t.Context())
		require.Equal(t, failed, f.Result)
		require.Equal(t, advice, f.Advice)
		require.Equal(t, slowest < 20*time.Second, d.report.Suggested > 0)
	}
}

func TestNeeded(t *testing.T) {
	t.Parallel()
	azure := lease.Limits{MinLength: 15 * time.Second, MaxLength: time.Minute, LengthStep: time.Second}
	for _, test := range []struct {
		renewal time.Duration
		limits  lease.Limits
		want    time.Duration
	}{
		{0, lease.Limits{}, 3 * time.Second},
		{time.Second, lease.Limits{}, 9 * time.Second},
		{1010 * time.Millisecond, lease.Limits{}, 10 * time.Second},
		{0, lease.Limits{WriteEvery: time.Second}, 6 * time.Second},
		{0, azure, 15 * time.Second},
		{2 * time.Second, azure, 18 * time.Second},
		{time.Minute, azure, time.Minute},
		{1100 * time.Millisecond, lease.Limits{LengthStep: 4 * time.Second}, 12 * time.Second},
	} {
		require.Equal(t, test.want, needed(test.renewal, test.limits), "%+v", test)
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for i := range 200 {
		took = append(took, time.Duration(200-i)*time.Second)
	}
	require.Equal(t, &latency{Count: 200, P50: 100, P99: 198, Max: 200}, latencyOf(took))
	require.Equal(t, &latency{Count: 1, P50: 200, P99: 200, Max: 200}, latencyOf(took[:1]))
	require.Nil(t, latencyOf(nil))
}

// No store that is at hand gives a token twice, so they are given here.
func TestDoctorOnTokens(t *testing.T) {
	t.Parallel()
	for _, tokens := range [][]uint64{{1, 1}, {1, 2, 1}, {3, 5, 4}} {
		require.Equal(t, failed, (&doctor{tokens: tokens}).checkTokens(t.Context()).Result)
	}
	require.Equal(t, well, (&doctor{tokens: []uint64{1, 2, 9}}).checkTokens(t.Context()).Result)
}

func TestDoctorFromTheEnvironment(t *testing.T) {
	t.Parallel()
	_, s := filePlace(t)
	cmd := command(t, "doctor")
	cmd.Env = append(cmd.Env, "LEADER_STORE="+s.url,
		"LEADER_SAMPLES=2", "LEADER_LEASE_LENGTH=20s", "LEADER_JSON=true")
	r := decodeJSON[examination](t, end(t, cmd).out)
	require.Equal(t, 2, r.Renewals.Count)
	require.InDelta(t, 20, r.LeaseLength, 0)
}
