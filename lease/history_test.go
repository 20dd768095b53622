package lease

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func pastTerm(token uint64, holder string, how Ending) PastTerm {
	begun := time.Date(2026, 3, 1, 12, 0, int(token%60), 0, time.UTC)
	return PastTerm{Token: token, Holder: holder, Begun: begun, Ended: begun.Add(time.Hour), How: how}
}

func TestHistoryAsStored(t *testing.T) {
	h := History("").After(pastTerm(7, "node a;é", EndReleased)).After(PastTerm{Token: 8, Holder: "b", How: EndExpired})
	require.Equal(t, History("8 expired - - b; 7 released 20260301T120007Z 20260301T130007Z node+a%3B%C3%A9"), h)
	require.Equal(t, []PastTerm{{Token: 8, Holder: "b", How: EndExpired}, pastTerm(7, "node a;é", EndReleased)}, h.Terms())
}

func TestHistoryFits(t *testing.T) {
	var h History
	for token := range uint64(100) {
		h = h.After(pastTerm(token+1, "node", EndReleased))
		require.LessOrEqual(t, len(h), maxHistory)
		require.Equal(t, token+1, h.Terms()[0].Token, "the latest stays")
	}
	require.Greater(t, len(h.Terms()), 15)
	require.Equal(t, h.Terms()[:3], h.Fit(strings.LastIndex(string(h), string(History("").After(h.Terms()[3])))).Terms())
	require.Empty(t, h.Fit(0))
	require.Empty(t, h.Fit(-1))
	require.Equal(t, h, h.Fit(len(h)))
	require.Empty(t, h.After(PastTerm{Token: 1, Holder: strings.Repeat("x", maxHistory)}), "a record by hand has any holder")
}

// A history that is damaged or too long is dropped, and makes no record unreadable.
func TestDamagedHistory(t *testing.T) {
	const good = `{"format":1,"token":7,"id":"x","holder":"w","length":"15s","nonce":"n","released":true,"history":`
	for what, history := range map[string]string{
		"a number": `7`, "a list": `[1]`, "an object": `{}`, "null": `null`, "empty": `""`, "words": `"long ago"`, "no holder": `"7 released - -"`,
		"no time": `"7 released now - w"`, "no token": `"x released - - w"`, "no ending": `"7  - - w"`, "a bad escape": `"7 released - - %"`,
		"escaped": `"7 released - - \u0077"`, "not ASCII": `"7 released - - é"`, "one of two": `"7 released - - w; x"`,
		"twice": `"7 released - - w","history":"7 released - - w"`, "too long": `"7 released - - w` + strings.Repeat("; 7 released - - w", 1<<10) + `"`,
	} {
		t.Run(what, func(t *testing.T) {
			r, err := decode([]byte(good + history + "}"))
			require.NoError(t, err)
			require.Empty(t, r.History.Terms())
			c := cell{record: r, version: "1"}
			require.Equal(t, []PastTerm{{Token: 7, Holder: "w", How: EndReleased}}, c.historyAfter(time.Now()).Terms(), "the next begins anew")
		})
	}
}

func TestHistoryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := History("").After(pastTerm(6, "v", EndExpired))
		now := time.Now().UTC()
		r := record{Token: 7, ID: "x", Holder: "w", Length: 15 * time.Second, Acquired: now.Add(-time.Hour), Renewed: now.Add(-time.Minute), History: before}
		want := func(how Ending, ended time.Time) []PastTerm {
			return []PastTerm{{Token: 7, Holder: "w", Begun: now.Add(-time.Hour), Ended: ended, How: how}, pastTerm(6, "v", EndExpired)}
		}
		with := func(change func(c *cell)) []PastTerm {
			c := cell{record: r, version: "1"}
			change(&c)
			return c.historyAfter(now).Terms()
		}
		require.Equal(t, want(EndReleased, now.Add(-time.Minute)), with(func(c *cell) { c.Released = true }))
		require.Equal(t, want(EndExpired, now.Add(-45*time.Second)), with(func(c *cell) { c.idle = 15 * time.Second }))
		require.Equal(t, want(EndExpired, now.Add(-45*time.Second)), with(func(c *cell) { c.idle, c.HoldAtLeast = 15*time.Second, time.Minute }), "renewed for an hour")
		require.Equal(t, want(EndLeft, now.Add(-45*time.Second)), with(func(c *cell) { c.idle, c.HoldAtLeast = 15*time.Second, time.Hour }))
		require.Equal(t, want(EndReleased, now.Add(-time.Minute)), with(func(c *cell) { c.Released, c.HoldAtLeast = true, time.Hour }))
		require.Equal(t, want(EndBroken, now), with(func(*cell) {}), "Break alone replaces a record that is held")
		for what, change := range map[string]func(c *cell){
			"a Break's record":       func(c *cell) { c.Broken, c.idle = true, time.Hour },
			"an older Break's":       func(c *cell) { c.ID, c.idle = "broken-x", time.Hour },
			"an own failed one":      func(c *cell) { c.ghost = true },
			"one that was undone":    func(c *cell) { c.Released, c.Undone = true, true },
			"one that did not exist": func(c *cell) { c.version = "" },
		} {
			require.Equal(t, before.Terms(), with(change), what)
		}
	})
}

// No history grows a record beyond what DynamoDB bills as one write, and none is kept where there is no room.
func TestHistoryHasRoom(t *testing.T) {
	var h History
	for token := range uint64(50) {
		h = h.After(pastTerm(token+1, "node", EndReleased))
	}
	r := full()
	r.Value, r.History = strings.Repeat("<", maxValue), h
	for size := 0; size < maxAttributes; size += 10 {
		r.Attributes = map[string]string{"k": strings.Repeat("x", size)}
		kept := r
		data := kept.encodeFor("orders")
		read, err := decode(data)
		require.NoError(t, err)
		require.Equal(t, kept.History, read.History)
		require.Equal(t, r.Value, read.Value)
		without := read
		without.Value, without.Wish = "", wish{} // neither counts
		bare := without
		bare.History = ""
		switch n := len(read.History.Terms()); {
		case n == 0:
			require.Greater(t, len(bare.encode())+len("orders")+len(`"history":"",`)+60, roomWithHistory, "a term more does not fit")
		default:
			require.LessOrEqual(t, len(without.encode())+len("orders"), roomWithHistory)
			require.Equal(t, h.Terms()[:n], read.History.Terms())
			longer := without
			longer.History = h.Fit(len(without.History) + 60)
			require.Greater(t, len(longer.encode())+len("orders"), roomWithHistory, "as many as fit")
		}
	}
}

// FuzzHistory: whatever stands in a history, it is read whole or not at all, what is read is written the same, and it grows no record.
func FuzzHistory(f *testing.F) {
	for _, text := range []string{
		"", "7 released - - w", "8 expired 20260301T120007Z - a%3Bb; 7 released - - w", "7 released - - ", "; ", "7 released - - w; ", "x", "7 \x00 - - w",
		strings.Repeat("1 broken - - n; ", 70) + "1 broken - - n",
	} {
		f.Add(text, uint64(9), "node")
	}
	f.Fuzz(func(t *testing.T, text string, token uint64, holder string) {
		var again History
		terms := History(text).Terms()
		for i := len(terms) - 1; i >= 0; i-- {
			again = again.After(terms[i])
		}
		require.Equal(t, len(terms), len(again.Terms()))
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		r, err := decode([]byte(`{"format":1,"token":7,"id":"x","length":"15s","history":` + string(quoted) + `}`))
		require.NoError(t, err, "a damaged history makes no record unreadable")
		if token == math.MaxUint64 || !utf8.ValidString(holder) || CheckName(holder) != nil {
			return
		}
		c := cell{record: r, version: "1"}
		c.Holder, c.Token, c.Released = holder, token, true
		next := record{Format: 1, Token: 8, ID: "y", Length: 1, History: c.historyAfter(time.Now())}
		read, err := decode(next.encodeFor("n"))
		require.NoError(t, err)
		require.Equal(t, holder, read.History.Terms()[0].Holder)
		require.LessOrEqual(t, len(next.encode()), roomWithHistory)
	})
}

// TermsOfInfo: what a look shows is the latest term, unless nobody led by the record, and those of the history.
func TestTermsOfALook(t *testing.T) {
	before := pastTerm(6, "v", EndExpired)
	now := time.Now()
	seen := Info{Token: 7, Holder: "w", Length: time.Minute, Acquired: now.Add(-time.Hour), Renewed: now, History: History("").After(before)}
	for what, test := range map[string]struct {
		change func(*Info)
		how    Ending
		ended  time.Time
	}{
		"held":            {func(i *Info) { i.State = Held }, "", time.Time{}},
		"released":        {func(i *Info) { i.State = Free }, EndReleased, now},
		"expired":         {func(i *Info) { i.State = Expired }, EndExpired, now.Add(time.Minute)},
		"left":            {func(i *Info) { i.State, i.HoldAtLeast = Expired, time.Hour }, EndLeft, now.Add(time.Minute)},
		"broken on Azure": {func(i *Info) { i.Broken = true }, EndBroken, time.Time{}},
	} {
		i := seen
		test.change(&i)
		require.Equal(t, []PastTerm{{Token: 7, Holder: "w", Begun: seen.Acquired, Ended: test.ended, How: test.how}, before}, i.Terms(), what)
	}
	seen.NoTerm = true
	require.Equal(t, []PastTerm{before}, seen.Terms())
	require.Empty(t, Info{}.Terms())
}

// Whether a lease that runs out is one that its holder leaves, or that of a crash, shows the holder's latest renewal: it leaves none that it
// has renewed for longer than it wanted to keep it.
func TestMayRunOut(t *testing.T) {
	const hold, length = time.Minute, 20 * time.Second
	begun := time.Now()
	job := Info{State: Expired, HoldAtLeast: hold, Length: length, Acquired: begun, Renewed: begun.Add(hold)}
	for what, test := range map[string]struct {
		change func(*Info)
		want   bool
	}{
		"expired":               {func(*Info) {}, true},
		"held":                  {func(i *Info) { i.State = Held }, true},
		"never renewed":         {func(i *Info) { i.Renewed = begun }, true},
		"renewed at the end":    {func(i *Info) { i.Renewed = begun.Add(hold + length) }, true},
		"renewed for longer":    {func(i *Info) { i.Renewed = begun.Add(hold + length + 1) }, false},
		"on Azure":              {func(i *Info) { i.Renewed = time.Time{} }, true},
		"no time of day":        {func(i *Info) { i.Acquired = time.Time{} }, true},
		"a longest hold":        {func(i *Info) { i.HoldAtLeast, i.Length = math.MaxInt64, math.MaxInt64 }, true},
		"released":              {func(i *Info) { i.State = Free }, false},
		"broken":                {func(i *Info) { i.State, i.Broken = Held, true }, false},
		"its holder says none":  {func(i *Info) { i.HoldAtLeast = 0 }, false},
		"an older one's record": {func(i *Info) { *i = Info{State: Expired, Length: length} }, false},
	} {
		i := job
		test.change(&i)
		require.Equal(t, test.want, i.MayRunOut(), what)
	}
}
