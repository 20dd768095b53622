package browser

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// campaign runs a node until it is told to stop, and then waits for it.
func (p *tab) campaign(name, node string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	l := leader.New(leader.WithLeaseManager(lease.NewManager(p.store)), leader.WithLeaseName(name), leader.WithNodeID(node), leader.WithLogger(quiet),
		leader.WithLeaseLength(6*time.Second), leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }))
	go func() { ended <- l.Run(ctx) }()
	return func() { cancel(); <-ended }
}

// A failover is seen in a page that nobody reloads, and so is trouble, when nobody is left.
func TestFailover(t *testing.T) {
	t.Parallel()
	p := open(t)
	a := p.campaign("orders", "node-a")
	p.visit("")
	p.await(`document.querySelector("#leases .holder")?.innerText == "node-a"`)
	p.run(chromedp.Evaluate(`window.same = true`, nil))
	full := p.number(`Number(document.querySelector("#leases .rest").getAttribute("width"))`)
	p.await(fmt.Sprintf(`Number(document.querySelector("#leases .rest").getAttribute("width")) != %v`, full)) // the bar runs

	b := p.campaign("orders", "node-b")
	a()
	p.await(`document.querySelector("#leases .holder")?.innerText == "node-b"`)
	p.await(`document.querySelector("#changes").innerText.includes("node-b leads, with token 2")`)
	require.Equal(t, "leader", p.text(`document.title`))
	b()
	p.await(`document.querySelector("#leases .state")?.innerText == "free"`)

	p.acquire("orders", "node-c", time.Second)
	p.await(`document.querySelector("#troubles").innerText.includes("node-c let the lease run out")`)
	p.await(`document.title == "(1) leader"`)
	require.EqualValues(t, 1, p.number(`Number(window.same)`), "it was not reloaded")
}

// A node that comes gets parts, each first stopped by the node that had it: the grid shows both steps, and then that nothing moves.
func TestRebalance(t *testing.T) {
	t.Parallel()
	p := open(t)
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 3)
	node := func(name string) {
		f := fleet.New(fleet.WithLeaseManager(lease.NewManager(p.store)), fleet.WithName("ships"), fleet.WithNodeID(name), fleet.WithShards(12), fleet.WithLogger(quiet),
			fleet.WithLeaseLength(3*time.Second), fleet.WithCalm(time.Second), fleet.WithDrainTimeout(time.Second),
			fleet.WhenAssigned(func(ctx context.Context, _ string) error {
				<-ctx.Done()
				<-release
				return nil
			}))
		go func() { ended <- f.Run(ctx) }()
	}
	node("node-a")
	node("node-b")
	p.visit("")
	p.await(`document.querySelectorAll(".nodes tbody tr.held").length == 2 && document.querySelectorAll(".cells li:not([class])").length == 12`)
	node("node-c")
	p.await(`document.querySelectorAll(".cells .goes").length == 4 && document.querySelectorAll(".cells .comes").length == 4`)
	p.await(`document.querySelector(".moves tbody").innerText.match(/\d part/) && document.querySelector(".moves").innerText.includes("step 1 of 2")`)
	close(release)
	p.await(`document.querySelectorAll(".cells li").length == 12 && document.querySelectorAll(".cells li[class]").length == 0`)
	p.await(`[...document.querySelectorAll(".nodes td.count")].every(e => e.innerText == "4")`)
	p.await(`getComputedStyle(document.querySelector(".moves")).display == "none"`)
	cancel()
	for range 3 {
		<-ended
	}
}

// All that the page can do is done with the keyboard, and what a person has reached stays when the page changes.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	p := open(t, leaderui.WithActions())
	for i := range 30 {
		p.acquire(fmt.Sprintf("lease-%02d", i), "node-a", time.Hour)
	}
	p.visit("")
	p.run(chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Skip to the leases", p.text(`document.activeElement.innerText`))
	p.run(chromedp.KeyEvent("/"))
	require.Equal(t, "q", p.text(`document.activeElement.id`))
	p.run(chromedp.Evaluate(`document.activeElement.select()`, nil)) // the driver types the / although the page has taken the key
	p.run(chromedp.KeyEvent("lease-17"))
	p.await(`document.querySelectorAll("#leases tr").length == 1 && location.search == "?q=lease-17"`)
	p.run(chromedp.KeyEvent(kb.Escape))
	p.await(`document.querySelectorAll("#leases tr").length == 30`)

	p.run(chromedp.Evaluate(`document.querySelectorAll("#leases a")[3].focus()`, nil))
	seen, err := lease.Inspect(t.Context(), p.manager, "lease-03")
	require.NoError(t, err)
	require.NoError(t, lease.Break(t.Context(), p.manager, seen))
	p.await(`document.querySelectorAll("#leases tr")[3].innerText.includes("broken")`)
	require.Equal(t, "lease-03", p.text(`document.activeElement.innerText`), "its row is another one now")

	p.run(chromedp.Evaluate(`document.querySelectorAll("#leases a")[4].focus()`, nil))
	p.leave()
	p.await(`document.querySelector(".detail h2")?.innerText == "lease-04"`)
	p.run(chromedp.Evaluate(`document.querySelector("summary").focus()`, nil), chromedp.KeyEvent(kb.Enter))
	p.await(`document.querySelector("details").open`)
	p.run(chromedp.KeyEvent(kb.Tab))
	p.leave()
	p.await(`document.querySelector(".detail b")?.innerText == "broken"`)
	p.run(chromedp.KeyEvent(kb.Escape))
	p.await(`!document.querySelector(".detail")`)
}

// The order keeps the search that was typed since the page came, and brings none back that has been cleared.
func TestOrderKeepsTheSearch(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.acquire("orders", "node-a", time.Hour)
	p.acquire("billing", "node-a", time.Hour)
	order := func(by string) {
		p.run(chromedp.Evaluate(fmt.Sprintf(`document.querySelector(".leases thead a[href*=%s]").focus()`, by), nil))
		p.leave()
	}
	p.visit("")
	p.run(chromedp.Focus("#q"), chromedp.KeyEvent("orders"))
	p.await(`document.querySelectorAll("#leases tr").length == 1`)
	order("since")
	shown := `["q", "sort"].map(name => new URLSearchParams(location.search).get(name)).join(" by ")`
	require.Equal(t, "orders by since", p.text(shown))
	require.EqualValues(t, 1, p.number(`document.querySelectorAll("#leases tr").length`))
	p.run(chromedp.Focus("#q"), chromedp.KeyEvent(kb.Escape))
	p.await(`document.querySelectorAll("#leases tr").length == 2`)
	order("holder")
	require.Equal(t, " by holder", p.text(shown))
}

// A page that nobody sees asks for nothing, also if it was about to ask when it was hidden.
func TestHidden(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.visit("")
	p.run(chromedp.Evaluate(`
		window.streams = []
		window.EventSource = class { static CLOSED = 2; readyState = 2; close() {}; constructor() { streams.push(this) } }
		window.timers = new Map()
		let number = 0
		window.setTimeout = f => { timers.set(++number, f); return number }
		window.clearTimeout = n => timers.delete(n)
		window.ring = () => { for (const [n, f] of timers) { timers.delete(n); f() } }
		window.turn = hidden => {
			Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
			document.dispatchEvent(new Event('visibilitychange'))
			ring()
			return streams.length
		}`, nil))
	require.EqualValues(t, 1, p.number(`turn(false)`))
	require.EqualValues(t, 2, p.number(`streams.at(-1).onerror(), turn(false)`), "it has asked again, and does so no more for the refusal")
	require.EqualValues(t, 2, p.number(`streams.at(-1).onerror(), turn(true)`), "it was refused, and hidden before it asked again")
	require.EqualValues(t, 3, p.number(`turn(false)`))
	require.EqualValues(t, 3, p.number(`document.querySelector("#q").dispatchEvent(new Event("input")), turn(true)`), "somebody has typed, and turned away")
	require.EqualValues(t, 4, p.number(`turn(false)`))
}

// Without scripts, the page reloads itself, and its search is a form.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	p := open(t)
	l := p.acquire("orders", "node-a", time.Hour)
	p.acquire("billing", "node-a", time.Hour)
	p.run(emulation.SetScriptExecutionDisabled(true))
	p.visit("?q=orders")
	require.Equal(t, 1, int(p.number(`document.querySelectorAll("#leases tr").length`)))
	require.NoError(t, p.manager.Release(t.Context(), l))
	p.acquire("orders", "node-b", time.Hour)
	for end := time.Now().Add(patience); p.text(`document.querySelector("#leases .holder")?.innerText ?? ""`) != "node-b"; {
		require.True(t, time.Now().Before(end), "it does not reload")
		p.run(chromedp.Sleep(100 * time.Millisecond))
	}
}

// Names with markup are texts, also where a script makes them.
func TestMarkup(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.visit("")
	const bad = `<img src=x onerror="window.hit=1"><script>window.hit=1</script>`
	p.acquire(bad, bad, time.Hour)
	p.await(`document.querySelector("#leases a")?.innerText.startsWith("<img src=x")`)
	require.Zero(t, p.number(`Number(window.hit ?? 0)`))
	require.Zero(t, p.number(`document.querySelectorAll("main img, main script").length`))
}
