package browser

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// patience is for a busy machine: a test that passes needs little of it.
const patience = time.Minute

var (
	installed string // the directory of the installed browser
	allocator context.Context
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		cmd := exec.Command("go", "run", "./localstack", "browser")
		cmd.Dir, cmd.Stderr = filepath.Join("..", ".."), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			fmt.Fprintln(os.Stderr, "go run ./localstack browser:", err)
			return 1
		}
		installed = string(bytes.TrimSpace(out))
		program := filepath.Join(installed, "tmp", "chromium")
		if other := os.Getenv("LEADER_BROWSER"); other != "" {
			program = other
		}
		opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("disable-renderer-backgrounding", true), chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-backgrounding-occluded-windows", true), chromedp.WSURLReadTimeout(patience),
			chromedp.Env("LD_LIBRARY_PATH="+filepath.Join(installed, "tmp", "al2023", "lib")))
		ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
		defer cancel()
		first, stop := chromedp.NewContext(ctx)
		defer stop()
		if err := chromedp.Run(first); err != nil {
			fmt.Fprintln(os.Stderr, "chromium:", err)
			return 1
		}
		allocator = first
		return m.Run()
	}())
}

// A tab is a browser's tab with the page of a store.
type tab struct {
	testing.TB
	ctx     context.Context
	store   *memory.Store
	manager lease.Manager
	address string
}

// open serves the page of a store, and opens a tab. A test fails if the page makes an error: a part that the policy forbids, say.
func open(t testing.TB, opts ...leaderui.Option) *tab {
	t.Helper()
	s := memory.NewStore()
	p := &tab{TB: t, store: s, manager: lease.NewManager(s)}
	ui := leaderui.New(lease.NewManager(s), append(opts, leaderui.WithEvery(leaderui.MinEvery))...)
	server := httptest.NewServer(ui)
	p.address = server.URL + "/"
	ctx, cancel := chromedp.NewContext(allocator)
	ctx, late := context.WithTimeout(ctx, 2*patience)
	p.ctx = ctx
	var mu sync.Mutex
	var errors []string
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
				errors = append(errors, e.Entry.Text)
			}
		case *runtime.EventExceptionThrown:
			errors = append(errors, e.ExceptionDetails.Error())
		}
	})
	t.Cleanup(func() {
		late()
		cancel()
		ui.Close()
		server.Close()
		mu.Lock()
		defer mu.Unlock()
		require.Empty(t, errors)
	})
	p.run(log.Enable(), runtime.Enable(), emulation.SetFocusEmulationEnabled(true)) // tabs beside it are seen, too
	p.view(1280, 900, "light")
	return p
}

func (p *tab) run(actions ...chromedp.Action) {
	p.Helper()
	require.NoError(p, chromedp.Run(p.ctx, actions...))
}

// view sets the window, and the colours that the person prefers.
func (p *tab) view(width, height int64, colours string) {
	p.Helper()
	p.run(emulation.SetDeviceMetricsOverride(width, height, 1, width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}}))
}

func (p *tab) visit(query string) {
	p.Helper()
	p.run(chromedp.Navigate(p.address+query), chromedp.WaitReady("#leases"))
}

// await waits until an expression of the page is true, whichever page it is by then.
func (p *tab) await(expression string) {
	p.Helper()
	for end := time.Now().Add(patience); ; {
		is := false
		err := chromedp.Run(p.ctx, chromedp.Evaluate("Boolean("+expression+")", &is))
		if is {
			return
		}
		if time.Now().After(end) || p.ctx.Err() != nil {
			require.Fail(p, expression, "%v; the page is:\n%s", err, p.text("document.body.innerText"))
		}
		_ = chromedp.Run(p.ctx, chromedp.Sleep(20*time.Millisecond))
	}
}

// leave presses Enter on a link or a button that leads to another page, and waits until that is there, with its script: before it is, the old
// page may show what the new one will, and keys are lost.
func (p *tab) leave() {
	p.Helper()
	p.run(chromedp.Evaluate("window.old = true", nil), chromedp.KeyEvent(kb.Enter))
	p.await(`!window.old && document.readyState == "complete"`)
}

func (p *tab) text(expression string) (s string) {
	p.Helper()
	p.run(chromedp.Evaluate(expression, &s))
	return s
}

func (p *tab) number(expression string) (n float64) {
	p.Helper()
	p.run(chromedp.Evaluate(expression, &n))
	return n
}

func (p *tab) acquire(name, holder string, length time.Duration) lease.Lease {
	p.Helper()
	l, err := p.manager.Acquire(p.Context(), lease.Request{Name: name, Holder: holder, Length: length, RenewEvery: length / 3, Attributes: map[string]string{"addr": "10.0.3.7:8080"}})
	require.NoError(p, err)
	return l
}
