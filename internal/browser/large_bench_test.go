package browser

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
)

// timed notes how long the page takes for each update, its layout included.
const timed = `window.took = []
const of = Object.getOwnPropertyDescriptor(EventSource.prototype, "onmessage")
Object.defineProperty(EventSource.prototype, "onmessage", {set(f) {
	of.set.call(this, m => { const at = performance.now(); f(m); document.body.offsetHeight; took.push(performance.now() - at) })
}})`

// BenchmarkLargeStore measures the page of a store with 10,000 leases, and a fleet of 1,000 parts on 20 nodes, in the browser: until its first paint, and what
// an update costs.
func BenchmarkLargeStore(b *testing.B) {
	p := open(b, leaderui.WithRequests(1000))
	for i := range 10_000 {
		p.acquire(fmt.Sprintf("lease-%05d", i), "node-a", time.Hour)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	const nodes = 20
	for i := range nodes {
		f := fleet.New(fleet.WithLeaseManager(lease.NewManager(p.store)), fleet.WithName("ships"), fleet.WithNodeID(fmt.Sprint("node-", i)), fleet.WithShards(1000), fleet.WithLogger(quiet),
			fleet.WithLeaseLength(3*time.Second), fleet.WhenAssigned(func(ctx context.Context, _ string) error { <-ctx.Done(); return nil }))
		go func() { ended <- f.Run(ctx) }()
	}
	defer func() {
		cancel()
		for range nodes {
			<-ended
		}
	}()
	p.run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(timed).Do(ctx)
		return err
	}))
	p.visit("")
	p.await(`document.body.innerText.includes("1,000 parts") && document.querySelector("#troubles").innerText.includes("None")`)
	var paint float64
	visits := 0
	for b.Loop() {
		p.visit("")
		p.await(`performance.getEntriesByName("first-contentful-paint").length`)
		paint += p.number(`performance.getEntriesByName("first-contentful-paint")[0].startTime`)
		visits++
	}
	for i := range 8 { // a look at so much comes some seconds after another
		for j := range 10 {
			seen, err := lease.Inspect(b.Context(), p.manager, fmt.Sprintf("lease-%05d", 10*i+j))
			require.NoError(b, err)
			require.NoError(b, lease.Break(b.Context(), p.manager, seen))
		}
		p.await(fmt.Sprintf(`document.querySelectorAll("#leases tr")[%d].innerText.includes("broken")`, 10*i+9))
	}
	b.ReportMetric(paint/float64(visits), "ms-to-first-paint")
	b.ReportMetric(p.number("took.length"), "updates")
	b.ReportMetric(p.number("took.reduce((a, b) => a + b) / took.length"), "ms/update")
	b.ReportMetric(p.number("Math.max(...took)"), "ms/longest-update")
	b.ReportMetric(p.number("performance.memory.usedJSHeapSize")/(1<<20), "MiB-heap")
}
