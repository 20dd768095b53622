package doctor

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

func (r Report) of(check string) Finding {
	i := slices.IndexFunc(r.Checks, func(f Finding) bool { return f.Check == check })
	if i < 0 {
		return Finding{}
	}
	return r.Checks[i]
}

// all are the names of the checks of that result.
func (r Report) all(wanted Result) (names []string) {
	for _, f := range r.Checks {
		if f.Result == wanted {
			names = append(names, f.Check)
		}
	}
	return names
}

var everyCheck = []string{"open", "length", "read", "create", "list", "below", "first", "race", "replace", "held", "renew", "stale", "fresh", "clock", "tokens", "latency", "clean"}

// wantFailed is that these checks failed, with something to do about each, and the command with them.
func wantFailed(t testing.TB, r Report, checks ...string) {
	t.Helper()
	require.ErrorContains(t, r.Err(), "failed: "+strings.Join(checks, ", "))
	require.False(t, r.OK)
	require.Equal(t, checks, r.all(Failed), "%+v", r)
	for _, f := range r.Checks {
		require.Equal(t, f.Result == Failed || f.Result == Warning, f.Advice != "", "%+v", f)
		require.NotEmpty(t, f.Detail)
	}
}

// fileURL returns the URL of a directory.
func fileURL(dir string) string {
	path := filepath.ToSlash(dir)
	if !strings.HasPrefix(path, "/") { // C:/Users/...
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// filePlace is a directory, and the leases in it.
func filePlace(t testing.TB) (place, lease.Manager) {
	dir := t.TempDir()
	return place{url: fileURL(dir)}, file.New(dir)
}

func wantWell(t testing.TB, r Report) {
	t.Helper()
	require.NoError(t, r.Err())
	require.True(t, r.OK)
	require.Equal(t, everyCheck, r.all(Well), "%+v", r)
	require.Equal(t, 3, r.Reads.Count)
	require.Equal(t, 3, r.Renewals.Count)
	require.Positive(t, r.Renewals.P50)
	require.Equal(t, r.Renewals.Max, r.Renewals.P99)
	require.LessOrEqual(t, r.Renewals.P50, r.Renewals.P99)
	require.InDelta(t, 15, r.LeaseLength, 0)
	require.InDelta(t, 15, r.Suggested, 0)
	require.True(t, strings.HasPrefix(r.Scratch, Scratch))
	require.Contains(t, r.of("clean").Detail, r.Scratch)
}

func TestDoctorOnFiles(t *testing.T) {
	t.Parallel()
	p, m := filePlace(t)
	r := examine(t, p)
	wantWell(t, r)
	require.Equal(t, Limits{}, r.Limits)
	require.Equal(t, p.url, r.Store)

	// It leaves two records, of leases that are free, one of which was acquired as often as it says.
	left := map[string]uint64{}
	for info, err := range lease.List(t.Context(), m, "") {
		require.NoError(t, err)
		require.Equal(t, lease.Free, info.State)
		left[info.Name] = info.Token
	}
	require.Equal(t, map[string]uint64{r.Scratch: 12, r.Scratch + below: 1}, left)
	require.Contains(t, r.of("tokens").Detail, "12 acquisitions")
}

// It waits until the store may be written again: a second for Google Cloud Storage, wherever the tests do not say less.
func TestPace(t *testing.T) {
	t.Parallel()
	for most, want := range map[time.Duration]time.Duration{fullWaits.write: time.Second, 200 * time.Millisecond: 200 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			d := newDoctor(source{}, settingsOf(nil), waits{write: most})
			d.limits.WriteEvery, d.written = time.Second, time.Now()
			d.pace(t.Context())
			require.Equal(t, want, time.Since(d.written))
			require.Equal(t, time.Now(), d.sent)
			d.pace(t.Context())
			require.Equal(t, want, time.Since(d.written), "it was long enough ago")
		})
	}
}

// However often it comes, it leaves two records, and says what it has not tried again.
func TestDoctorLeavesNothingThatGrows(t *testing.T) {
	t.Parallel()
	p, m := filePlace(t)
	records := func() (count int) {
		for _, err := range lease.List(t.Context(), m, "") {
			require.NoError(t, err)
			count++
		}
		return count
	}
	for i := range 3 {
		r := examine(t, p)
		require.NoError(t, r.Err())
		require.True(t, r.OK)
		require.Equal(t, i == 0, r.of("first").Result == Well)
		require.Equal(t, i > 0, slices.Equal(r.all(Skipped), []string{"first"}))
		require.Equal(t, 2, records())
	}
	r := examine(t, p, anew)
	wantWell(t, r)
	require.Equal(t, 4, records())

}

func TestDoctorOnServices(t *testing.T) {
	t.Parallel()
	places, examined := map[emulator.Service]place{}, map[emulator.Service]func(testing.TB) Report{}
	for _, service := range emulator.Services {
		places[service] = newPlace(t, service)
		examined[service] = begin(t, places[service], func(it *task) { it.Write = 200 * time.Millisecond }) // and not a second
	}
	for service, p := range places {
		t.Run(string(service), func(t *testing.T) {
			r := examined[service](t)
			wantWell(t, r)
			require.NotNil(t, r.TellsAge)
			require.False(t, *r.TellsAge, "an emulator is not the service itself")
			if service != emulator.Azure {
				require.Contains(t, r.of("clock").Detail, "turn age on with age=true in the URL")
			}
			require.InDelta(t, map[emulator.Service]float64{emulator.GCS: 1}[service], r.Limits.WriteEvery, 0)
			require.InDelta(t, map[emulator.Service]float64{emulator.Azure: 15}[service], r.Limits.MinLength, 0)

			if service == emulator.GCS { // where it waits between its writes
				require.GreaterOrEqual(t, r.of("held").Seconds, 1*0.2)
				require.GreaterOrEqual(t, r.of("stale").Seconds, 4*0.2)
				require.GreaterOrEqual(t, r.of("fresh").Seconds, 4*0.2)
			}
			m, err := lease.Open(t.Context(), p.url)
			require.NoError(t, err)
			left, err := lease.Inspect(t.Context(), m, r.Scratch)
			require.NoError(t, err)
			require.NoError(t, lease.Close(m))
			require.Equal(t, lease.Free, left.State)
		})
	}
}

// With age=true, the clocks of whatever answers are good enough.
func TestDoctorWithAge(t *testing.T) {
	t.Parallel()
	examined := map[emulator.Service]func(testing.TB) Report{}
	for _, service := range []emulator.Service{emulator.DynamoDB, emulator.S3, emulator.GCS} {
		p := newPlace(t, service)
		p.url += "?age=true"
		examined[service] = begin(t, p)
	}
	for service, examined := range examined {
		t.Run(string(service), func(t *testing.T) {
			r := examined(t)
			wantWell(t, r)
			require.True(t, *r.TellsAge)
			require.Contains(t, r.AgeFrom, "Date")
			require.Contains(t, r.of("clock").Detail, "the clocks of 12 answers agree")
		})
	}
}

func TestDoctorWithoutAPlace(t *testing.T) {
	t.Parallel()
	examined := map[string]func(t *testing.T) place{
		"directory": func(t *testing.T) place {
			return place{url: fileURL(filepath.Join(t.TempDir(), "mistyped"))}
		},
	}
	for _, service := range emulator.Services {
		examined[string(service)] = func(t *testing.T) place { return nowhere(t, service) }
	}
	for name, at := range examined {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, at(t))
			wantFailed(t, r, "read")
			require.Contains(t, r.of("read").Detail, "name another")
			require.NotContains(t, r.all(Well), "tokens")
		})
	}
}

// With ?create=true there need not be a container.
func TestDoctorMakesAContainer(t *testing.T) {
	t.Parallel()
	p := nowhere(t, emulator.Azure)
	p.url += "?create=true"
	r := examine(t, p)
	wantWell(t, r)
}

func TestDoctorOnTheURL(t *testing.T) {
	t.Parallel()
	r := examine(t, place{url: "s3://bucket?regoin=x"})
	wantFailed(t, r, "open")
	require.Contains(t, r.of("open").Detail, "s3 knows: region, profile")
	require.Equal(t, everyCheck[1:], r.all(Skipped))
}

func TestDoctorOnTheLength(t *testing.T) {
	t.Parallel()
	r := examine(t, newPlace(t, emulator.Azure), func(it *task) { it.Length = 10 * time.Second })
	wantFailed(t, r, "length")
	require.Contains(t, r.of("length").Detail, "below this store's minimum of 15s")
	require.Equal(t, "use a lease length of 15s", r.of("length").Advice)
	require.InDelta(t, 15, r.Suggested, 0)
}

// Slow renewals are a warning if they leave little room for others, and a failure if there is no time for them.
func TestLatency(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		length, slowest time.Duration
		want            Result
		advice          string
	}{
		{15 * time.Second, time.Second, Well, ""},
		{15 * time.Second, 1666 * time.Millisecond, Well, ""},
		{15 * time.Second, 1700 * time.Millisecond, Warning, "use a lease length of 16s, or a store that is nearer"},
		{15 * time.Second, 4999 * time.Millisecond, Warning, "use a lease length of 45s, or a store that is nearer"},
		{15 * time.Second, 5 * time.Second, Failed, "use a lease length of 45s, or a store that is nearer"},
		{2 * time.Second, time.Millisecond, Warning, "use a lease length of 15s"},
		{time.Minute, 5 * time.Second, Well, ""},
	} {
		d := doctor{settings: settings{length: test.length}, renewals: []time.Duration{time.Millisecond, test.slowest}}
		f := d.checkLatency(t.Context())
		require.Equal(t, test.want, f.Result, "%+v: %+v", test, f)
		require.Equal(t, test.advice, f.Advice)
	}
	require.Equal(t, Failed, (&doctor{}).checkLatency(t.Context()).Result)

	// One that is slow among many fails a length, and so what is suggested is another.
	for slowest, advice := range map[time.Duration]string{
		6 * time.Second:  "use a lease length of 24s, or a store that is nearer",
		30 * time.Second: "use a store that is nearer", // Azure's longest lease would not do
	} {
		many := append(slices.Repeat([]time.Duration{time.Millisecond}, 200), slowest)
		d := doctor{settings: settings{length: 15 * time.Second}, renewals: many, limits: lease.Limits{MaxLength: time.Minute}}
		f := d.checkLatency(t.Context())
		require.Equal(t, Failed, f.Result)
		require.Equal(t, advice, f.Advice)
		require.Equal(t, slowest < 20*time.Second, d.report.Suggested > 0)
	}
}

// A warning about the latency names what decides: the renewals only if these took long.
func TestLatencyNamesTheReason(t *testing.T) {
	t.Parallel()
	const nearer, another = ", or a store that is nearer", ", or another store"
	for _, test := range []struct {
		length, took   time.Duration
		limits         lease.Limits
		want           Result
		detail, advice string
	}{
		{2 * time.Second, 4 * time.Millisecond, lease.Limits{}, Warning,
			"a lease length of 2s is below 3s: a pause of the process may end the term, however fast the store is", "use a lease length of 15s"},
		{2 * time.Second, 230 * time.Millisecond, lease.Limits{}, Warning, "a renewal took 230ms of the 667ms between two, which leaves", "use a lease length of 15s" + nearer},
		{10 * time.Second, 5 * time.Millisecond, azure, Warning, "a lease length of 10s is below this store's minimum of 15s", "use a lease length of 15s" + another},
		{10 * time.Second, 2 * time.Second, azure, Warning, "a renewal took 2s of the 3.333s between two", "use a lease length of 18s" + nearer},
		{5 * time.Second, time.Millisecond, gcs, Warning,
			"with a lease length of 5s, a leader renews every 1.667s, and this store may be written once in 1s: another write", "use a lease length of 15s" + another},
		{2 * time.Second, 200 * time.Millisecond, gcs, Warning, "a leader renews every 1s, and this store may", "use a lease length of 15s" + another},
		{2 * time.Second, 900 * time.Millisecond, gcs, Warning, "a renewal took 900ms of the 1s between two", "use a lease length of 15s" + nearer},
		{3500 * time.Millisecond, 385 * time.Millisecond, lease.Limits{}, Well, "this store suits a lease length of 3.5s and more", ""},
		{15 * time.Second, time.Second, azure, Well, "this store suits a lease length of 15s to 1m0s", ""},
		{time.Minute, 6 * time.Second, azure, Well, "this store suits a lease length of 54s to 1m0s", ""},
		{time.Minute, 6600 * time.Millisecond, azure, Well, "this store suits a lease length of 1m0s", ""},
		// Their longest lease has too little room: no longer one is to be had.
		{time.Minute, 8 * time.Second, azure, Warning, "a renewal took 8s of the 20s between two, which leaves little room", "use a store that is nearer"},
		{time.Minute, time.Millisecond, lease.Limits{WriteEvery: 11 * time.Second, MaxLength: time.Minute}, Warning, "may be written once in 11s", "use another store"},
	} {
		d := doctor{settings: settings{length: test.length}, limits: test.limits, renewals: []time.Duration{test.took}}
		f := d.checkLatency(t.Context())
		require.Equal(t, test.want, f.Result, "%+v: %+v", test, f)
		require.Contains(t, f.Detail, test.detail)
		require.Equal(t, test.advice, f.Advice, "%+v", test)
		require.NotContains(t, f.Detail, "%!")
		require.True(t, f.Result != Well || strings.HasSuffix(f.Detail, test.detail), f.Detail)
	}
}

func TestNeeded(t *testing.T) {
	t.Parallel()
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
	require.Equal(t, &Latency{Count: 200, P50: 100, P99: 198, Max: 200}, latencyOf(took))
	require.Equal(t, &Latency{Count: 1, P50: 200, P99: 200, Max: 200}, latencyOf(took[:1]))
	require.Nil(t, latencyOf(nil))
}

// No store that is at hand gives a token twice, so they are given here.
func TestDoctorOnTokens(t *testing.T) {
	t.Parallel()
	for _, tokens := range [][]uint64{{1, 1}, {1, 2, 1}, {3, 5, 4}} {
		require.Equal(t, Failed, (&doctor{tokens: tokens}).checkTokens(t.Context()).Result)
	}
	require.Equal(t, Well, (&doctor{tokens: []uint64{1, 2, 9}}).checkTokens(t.Context()).Result)
}
