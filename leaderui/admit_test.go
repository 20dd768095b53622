package leaderui_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

const token = "a token of enough bytes"

// Who may see the page: names that anybody may point here may not, nor requests without what is asked for.
func TestAdmit(t *testing.T) {
	t.Parallel()
	basic := func(password string) string {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth("anybody", password)
		return r.Header.Get("Authorization")
	}
	withToken, withHeader := []leaderui.Option{leaderui.WithToken(token)}, []leaderui.Option{leaderui.WithProxyHeader("X-User")}
	for name, test := range map[string]struct {
		opts   []leaderui.Option
		header []string
		code   int
	}{
		"localhost":              {nil, []string{"Host", "localhost:8090"}, 200},
		"its name, in other way": {nil, []string{"Host", "LOCALHOST."}, 200},
		"127.0.0.1":              {nil, []string{"Host", "127.0.0.1:8090"}, 200},
		"IPv6":                   {nil, []string{"Host", "[::1]:8090"}, 200},
		"IPv6 alone":             {nil, []string{"Host", "[::1]"}, 200},
		"rebinding":              {nil, []string{"Host", "evil.example:8090"}, 421},
		"rebinding, alike":       {nil, []string{"Host", "localhost.evil.example"}, 421},
		"rebinding, an address":  {nil, []string{"Host", "127.0.0.1.evil.example"}, 421},
		"a name that is allowed": {[]leaderui.Option{leaderui.WithHosts("ui.example")}, []string{"Host", "UI.example:443"}, 200},
		"no token":               {withToken, nil, 401},
		"a wrong token":          {withToken, []string{"Authorization", basic(token + "x")}, 401},
		"an empty token":         {withToken, []string{"Authorization", "Bearer "}, 401},
		"the token, Basic":       {withToken, []string{"Authorization", basic(token)}, 200},
		"the token, Bearer":      {withToken, []string{"Authorization", "Bearer " + token}, 200},
		"no user":                {withHeader, nil, 401},
		"a user":                 {withHeader, []string{"X-User", "ann"}, 200},
		"a token that is empty":  {[]leaderui.Option{leaderui.WithToken("")}, nil, 500},
		"a header without name":  {[]leaderui.Option{leaderui.WithProxyHeader("")}, nil, 500},
		"invalid options":        {[]leaderui.Option{leaderui.WithEvery(-1)}, nil, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				for _, target := range []string{"/", "/state", "/page.js"} {
					answer := w.do("GET", target, "", test.header...)
					require.Equal(w, test.code, answer.StatusCode, text(w, answer))
					require.Equal(w, test.code == 401 && test.opts != nil && answer.Header.Get("WWW-Authenticate") != "", answer.Header.Get("WWW-Authenticate") != "")
				}
				if test.code != 200 {
					require.Zero(w, w.manager.lists.Load(), "the store is not asked for those who may not see it")
				}
			}, test.opts...)
		})
	}
}

// A page of no store says so: a panic in the goroutine that looks would end the process.
func TestNew_NoManager(t *testing.T) {
	t.Parallel()
	for _, none := range []lease.Manager{nil, (*memory.Manager)(nil)} {
		ui := leaderui.New(none)
		defer ui.Close()
		w := httptest.NewRecorder()
		ui.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/state", nil))
		require.Equal(t, http.StatusInternalServerError, w.Code)
		require.Contains(t, w.Body.String(), "the manager is nil")
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for request, code := range map[[2]string]int{
			{"GET", "/"}: 200, {"HEAD", "/"}: 200, {"POST", "/"}: 405, {"DELETE", "/state"}: 405, {"GET", "/x"}: 404, {"GET", "/../etc/passwd"}: 404, {"GET", "/page.html"}: 404,
			{"POST", "/break"}: 404, {"GET", "/break"}: 404, {"POST", "/handover"}: 404, {"GET", "/handover"}: 404,
		} {
			require.Equal(w, code, w.do(request[0], request[1], "").StatusCode, request)
		}
	})
}

// A form breaks the lease of the holder that the page has shown, and of no other, and only from the page.
func TestBreak(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(w *world, l *lease.Lease) // before the form arrives
		header []string
		code   int
	}{
		"as shown":                     {nil, nil, 303},
		"from the page":                {nil, []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost"}, 303},
		"from another site":            {nil, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"from another port":            {nil, []string{"Sec-Fetch-Site", "same-site"}, 403},
		"from an old browser's site":   {nil, []string{"Origin", "http://evil.example"}, 403},
		"by another name":              {nil, []string{"Host", "evil.example"}, 421},
		"another holder":               {func(w *world, l *lease.Lease) { w.acquireAgain("orders") }, nil, 409},
		"nobody holds it":              {func(w *world, l *lease.Lease) { require.NoError(w, w.other.Release(w.Context(), *l)) }, nil, 409},
		"a form with another holder":   {func(_ *world, l *lease.Lease) { l.Holder = "node-z" }, nil, 409},
		"a form without acquisition":   {func(_ *world, l *lease.Lease) { l.ID = "" }, nil, 400},
		"a form without a lease":       {func(_ *world, l *lease.Lease) { l.Name = "" }, nil, 400},
		"a lease that there is not":    {func(_ *world, l *lease.Lease) { l.Name = "none" }, nil, 409},
		"a name that cannot be":        {func(_ *world, l *lease.Lease) { l.Name = "a\x00b" }, nil, 502},
		"a record that is not a lease": {func(w *world, _ *lease.Lease) { w.put("orders", "junk") }, nil, 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				l := w.acquire("orders", "node-a", time.Hour)
				page := w.page("/?lease=orders")
				require.Contains(w, page, `action="break"`)
				require.Contains(w, page, `value="`+l.ID+`"`)
				if test.change != nil {
					test.change(w, &l)
				}
				form := url.Values{"lease": {l.Name}, "id": {l.ID}, "holder": {l.Holder}}
				answer := w.do("POST", "/break", form.Encode(), test.header...)
				require.Equal(w, test.code, answer.StatusCode, text(w, answer))
				info, err := lease.Inspect(w.Context(), w.other, "orders")
				if err == nil {
					require.Equal(w, test.code == 303, info.Broken)
				}
				if test.code == 303 {
					require.Equal(w, "./?lease=orders#detail", answer.Header.Get("Location"))
					time.Sleep(time.Second)
					require.Contains(w, w.page("/?lease=orders"), "the lease was taken from node-a")
					require.Equal(w, 409, w.do("POST", "/break", form.Encode()).StatusCode, "it is broken already")
				}
			}, leaderui.WithActions())
		})
	}
}

// A form asks the holder that the page has shown to hand over, and no other, and takes that back until the holder has begun.
func TestHandover(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(w *world, l *lease.Lease, form url.Values) // before the form arrives
		header []string
		code   int
	}{
		"as shown":                 {nil, nil, 303},
		"from another site":        {nil, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"by another name":          {nil, []string{"Host", "evil.example"}, 421},
		"another holder":           {func(w *world, _ *lease.Lease, _ url.Values) { w.acquireAgain("orders") }, nil, 409},
		"nobody holds it":          {func(w *world, l *lease.Lease, _ url.Values) { require.NoError(w, w.other.Release(w.Context(), *l)) }, nil, 409},
		"without a node":           {func(_ *world, _ *lease.Lease, form url.Values) { form.Set("to", "") }, nil, 400},
		"to a name that cannot be": {func(_ *world, _ *lease.Lease, form url.Values) { form.Set("to", "a\n") }, nil, 400},
		"to the holder":            {func(_ *world, _ *lease.Lease, form url.Values) { form.Set("to", "node-a") }, nil, 400},
		"another wish stands": {func(w *world, _ *lease.Lease, _ url.Values) {
			seen, err := lease.Inspect(w.Context(), w.other, "orders")
			require.NoError(w, err)
			require.NoError(w, lease.Ask(w.Context(), w.other, seen, lease.Wish{Kind: lease.WishHandover, For: "node-c"}))
		}, nil, 409},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				l, err := w.other.Acquire(w.Context(), lease.Request{Name: "orders", Holder: "node-a", Length: time.Hour, Heeds: []string{lease.WishHandover}})
				require.NoError(w, err)
				page := w.page("/?lease=orders")
				require.Contains(w, page, `action="handover"`)
				require.Contains(w, page, "Nobody can check from here whether that is there and well: ask its <code>/standby</code> first.")
				form := url.Values{"lease": {l.Name}, "id": {l.ID}, "holder": {l.Holder}, "to": {"node-<b>"}}
				if test.change != nil {
					test.change(w, &l, form)
				}
				answer := w.do("POST", "/handover", form.Encode(), test.header...)
				require.Equal(w, test.code, answer.StatusCode, text(w, answer))
				if test.code != 303 {
					info, err := lease.Inspect(w.Context(), w.other, "orders")
					require.NoError(w, err)
					require.NotEqual(w, "node-<b>", info.Wish.For)
					return
				}
				require.Equal(w, "./?lease=orders#detail", answer.Header.Get("Location"))
				time.Sleep(time.Second)
				require.Contains(w, w.page("/?lease=orders"), "node-&lt;b&gt;&#34;, asked by &#34;a person at the page&#34;</bdi>: asked")
				form.Set("cancel", "1")
				require.Equal(w, 303, w.do("POST", "/handover", form.Encode()).StatusCode)
				l, err = w.other.Renew(w.Context(), l)
				require.NoError(w, err)
				require.Zero(w, l.Wish, "it was taken back")
				form.Del("cancel")
				require.Equal(w, 303, w.do("POST", "/handover", form.Encode()).StatusCode)
				_, err = w.other.Renew(w.Context(), l)
				require.NoError(w, err)
				form.Set("cancel", "1")
				require.Equal(w, 409, w.do("POST", "/handover", form.Encode()).StatusCode, "the holder has begun")
				time.Sleep(time.Second)
				require.NotContains(w, w.page("/?lease=orders"), `action="handover"`)
			}, leaderui.WithActions())
		})
	}
}

// The page drains the node in a seat, and lets it take parts again.
func TestDrain(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		l, err := w.other.Acquire(w.Context(), lease.Request{Name: fleet.SeatLease("ships", 1), Holder: "node-a", Length: time.Hour, Heeds: []string{fleet.WishDrain, fleet.WishResume}})
		require.NoError(w, err)
		page := func() string { return w.page("/?lease=" + url.QueryEscape(l.Name)) }
		require.Contains(w, page(), "Drain <bdi>node-a</bdi></button>")
		require.NotContains(w, page(), `action="handover"`)
		form := url.Values{"lease": {l.Name}, "id": {l.ID}, "holder": {l.Holder}}
		require.Equal(w, 403, w.do("POST", "/drain", form.Encode(), "Sec-Fetch-Site", "cross-site").StatusCode)
		require.Equal(w, 303, w.do("POST", "/drain", form.Encode()).StatusCode)
		l, err = w.other.Renew(w.Context(), l)
		require.NoError(w, err)
		require.Equal(w, fleet.WishDrain, l.Wish.Kind)
		require.Equal(w, "a person at the page", l.Wish.By)
		form.Set("cancel", "1")
		require.Equal(w, 409, w.do("POST", "/drain", form.Encode()).StatusCode, "the node has begun")
		l.Wish = lease.Wish{}
		l, err = w.other.Renew(w.Context(), l)
		require.NoError(w, err)
		require.Equal(w, 303, w.do("POST", "/drain", form.Encode()).StatusCode)
		l, err = w.other.Renew(w.Context(), l)
		require.NoError(w, err)
		require.Equal(w, fleet.WishResume, l.Wish.Kind)
		form.Set("holder", "node-b")
		require.Equal(w, 409, w.do("POST", "/drain", form.Encode()).StatusCode, "another node than was shown")
	}, leaderui.WithActions())
}

// A node of a fleet that is drained from the page gives its parts away, and the page offers to let it take parts again.
func TestDrainAFleet(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for _, name := range []string{"node-a", "node-b"} {
			defer w.join(name)()
		}
		loads := func() (at map[string]int, seats map[string]int) {
			time.Sleep(time.Minute)
			o, err := fleet.Inspect(w.Context(), w.other, "ships")
			require.NoError(w, err)
			at, seats = map[string]int{}, map[string]int{}
			for _, n := range o.Nodes {
				if n.State == lease.Held {
					at[n.Node], seats[n.Node] = n.Parts, n.Seat
				}
			}
			return at, seats
		}
		post := func(seat int, more ...string) {
			name := fleet.SeatLease("ships", seat)
			l, err := lease.Inspect(w.Context(), w.other, name)
			require.NoError(w, err)
			form := url.Values{"lease": {name}, "id": {l.ID}, "holder": {l.Holder}}
			for _, field := range more {
				form.Set(field, "1")
			}
			require.Equal(w, 303, w.do("POST", "/drain", form.Encode()).StatusCode)
		}
		page := func(seat int) string { return w.page("/?lease=" + url.QueryEscape(fleet.SeatLease("ships", seat))) }
		at, seats := loads()
		require.Equal(w, map[string]int{"node-a": 3, "node-b": 3}, at)
		post(seats["node-a"])
		at, seats = loads()
		require.Equal(w, map[string]int{"node-a": 0, "node-b": 6}, at)
		require.Contains(w, page(seats["node-a"]), "Let <bdi>node-a</bdi> take parts again")
		require.Contains(w, page(seats["node-b"]), "Drain <bdi>node-b</bdi></button>")
		post(seats["node-a"], "cancel")
		at, seats = loads()
		require.Equal(w, map[string]int{"node-a": 3, "node-b": 3}, at)
		require.Contains(w, page(seats["node-a"]), "Drain <bdi>node-a</bdi></button>")
	}, leaderui.WithActions())
}

// Nobody is offered to ask a holder that runs a program without hand-overs.
func TestHandoverIsOfferedWhereItIsHeeded(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.acquire("orders", "node-a", time.Hour)
		require.NotContains(w, w.page("/?lease=orders"), `action="handover"`)
		require.Contains(w, w.page("/?lease=orders"), `action="break"`)
	}, leaderui.WithActions())
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, leaderui.Validate())
	require.NoError(t, leaderui.Validate(nil, leaderui.WithEvery(time.Second), leaderui.WithRequests(0.1), leaderui.WithToken(token), leaderui.WithProxyHeader("X-User"), leaderui.WithHosts("a")))
	err := leaderui.Validate(leaderui.WithEvery(time.Millisecond), leaderui.WithRequests(0), leaderui.WithToken("short"), leaderui.WithProxyHeader("X User"))
	for _, want := range []string{"WithEvery: 1ms", "WithRequests: 0", "WithToken: the token has 5 bytes", `WithProxyHeader: "X User"`} {
		require.ErrorContains(t, err, want)
	}
	// An environment variable that is not set does not take the protection away.
	require.ErrorContains(t, leaderui.Validate(leaderui.WithTimeout(30)), "WithTimeout: 30ns is less than 1ms: a number without a unit is nanoseconds")
	require.ErrorContains(t, leaderui.Validate(leaderui.WithToken("")), "WithToken: the token has 0 bytes")
	require.ErrorContains(t, leaderui.Validate(leaderui.WithProxyHeader("")), `WithProxyHeader: ""`)
}
