package browser

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
)

var update = flag.Bool("update", false, "write the pictures in docs")

// night fills a store as somebody might find it at three in the morning.
func (p *tab) night() {
	p.Helper()
	var renewed []lease.Lease
	for i, name := range []string{"billing", "invoices-export", "mail-digest", "orders-projection", "payments-reconcile", "search-index", "tenants/acme", "tenants/globex", "tenants/initech"} {
		l := p.acquire(name, fmt.Sprintf("app-%d.eu-west-1", 1+i%4), 15*time.Second)
		if name != "search-index" {
			renewed = append(renewed, l)
		}
	}
	p.acquire("nightly-report", "app-2.eu-west-1", time.Second)
	old := p.acquire("stock-sync", "app-9.eu-west-1", time.Minute)
	seen, err := lease.Inspect(p.Context(), p.manager, old.Name)
	require.NoError(p, err)
	require.NoError(p, lease.Break(p.Context(), p.manager, seen))
	_, err = p.store.Swap(p.Context(), "legacy", "", []byte("not a record"))
	require.NoError(p, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 4)
	for i := range 4 {
		f := fleet.New(fleet.WithLeaseManager(lease.NewManager(p.store)), fleet.WithName("journals"), fleet.WithNodeID(fmt.Sprintf("worker-%d.eu-west-1", i+1)), fleet.WithShards(48),
			fleet.WithLogger(quiet), fleet.WithLeaseLength(12*time.Second), fleet.WithCalm(time.Second), fleet.WithDrainTimeout(time.Second),
			fleet.WhenAssigned(func(ctx context.Context, _ string) error {
				<-ctx.Done()
				time.Sleep(time.Second) // the work's, not the test's
				return nil
			}))
		go func() { ended <- f.Run(ctx) }()
	}
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		for {
			for i, l := range renewed {
				if next, err := p.manager.Renew(ctx, l); err == nil {
					renewed[i] = next
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(4 * time.Second):
			}
		}
	}()
	p.Cleanup(func() {
		cancel()
		<-renewing
		for range 4 {
			<-ended
		}
	})
}

// Every view of the page passes axe-core: roles, labels, contrast and more.
func TestAccessible(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join(installed, "modules", "node_modules", "axe-core", "axe.min.js"))
	require.NoError(t, err)
	p := open(t, leaderui.WithActions())
	p.night()
	_, err = p.manager.Acquire(t.Context(), lease.Request{Name: "asked", Holder: "node-a", Length: time.Hour, Heeds: []string{lease.WishHandover}})
	require.NoError(t, err)
	for _, size := range [][2]int64{{1280, 900}, {390, 844}} {
		for _, colours := range []string{"light", "dark"} {
			p.view(size[0], size[1], colours)
			for _, query := range []string{"", "?lease=billing", "?lease=asked", "?lease=legacy&q=e", "?q=nothing"} {
				p.visit(query)
				p.await(`document.querySelectorAll(".nodes tbody tr.held").length >= 1 && document.querySelectorAll("#troubles li").length >= 3 || location.search == "?q=nothing"`)
				if query == "?lease=billing" || query == "?lease=asked" {
					p.run(chromedp.Evaluate(`for (const d of document.querySelectorAll("details")) d.open = true`, nil))
				}
				var found string
				p.run(chromedp.Evaluate(string(axe)+`;0`, nil), chromedp.Evaluate(
					`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + n.failureSummary)}))))`,
					&found, func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }))
				var violations []map[string]any
				require.NoError(t, json.Unmarshal([]byte(found), &violations))
				require.Empty(t, violations, "%v %s %s", size, colours, query)
				require.Empty(t, p.text(`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest("thead, td.more")).map(e => e.outerHTML.slice(0, 100)).slice(0, 5).join("; ")`), "%v %s: it does not scroll sideways", size, query)
				require.LessOrEqual(t, p.number(`document.documentElement.scrollWidth`), float64(size[0]), query)
			}
		}
	}
}

// The pictures of the documentation are made by -update. They fit into a page.
func TestPictures(t *testing.T) {
	t.Parallel()
	if !*update {
		for _, name := range []string{"ui-light", "ui-dark", "ui-phone"} {
			info, err := os.Stat(filepath.Join("..", "..", "docs", name+".png"))
			require.NoError(t, err)
			require.Less(t, info.Size(), int64(150_000))
		}
		return
	}
	p := open(t, leaderui.WithActions())
	p.night()
	p.visit("")
	p.await(`document.querySelectorAll(".nodes tbody tr.held").length == 4 && !document.querySelector(".cells .orphan, .cells .comes")`)
	p.pictures()
}

// pictures makes those of the documentation.
func (p *tab) pictures() {
	for _, picture := range []struct {
		name          string
		width, height int64
		colours       string
		query         string
	}{{"ui-light", 1200, 790, "light", ""}, {"ui-dark", 1200, 790, "dark", "?lease=billing"}, {"ui-phone", 390, 844, "light", ""}} {
		p.view(picture.width, picture.height, picture.colours)
		p.visit(picture.query)
		var png []byte
		p.run(chromedp.Sleep(2*time.Second), chromedp.CaptureScreenshot(&png))
		require.Less(p, len(png), 150_000)
		require.NoError(p, os.WriteFile(filepath.Join("..", "..", "docs", picture.name+".png"), png, 0o644))
	}
}
