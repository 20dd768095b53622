package leaderhttp_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// A value may be a secret: logs and answers do not have it, whatever happens to the lease, and to its record.
func TestValuesAreShownToNobody(t *testing.T) {
	const secret = "tell-nobody"
	for name, happens := range map[string]func(w *world, a *node){
		"nothing":             func(*world, *node) {},
		"the leader is gone":  func(_ *world, a *node) { a.way.Set(leadertest.CutOff) },
		"it steps down":       func(_ *world, a *node) { _ = a.StepDown(context.Background()) },
		"its machine sleeps":  func(_ *world, a *node) { a.machine.Suspend() },
		"the lease is broken": func(w *world, _ *node) { w.breaks() },
		"a foreign value":     func(w *world, _ *node) { w.rewrite(`"`+secret+`"`, `["`+secret+`"]`) },
		"a torn record":       func(w *world, _ *node) { w.rewrite(secret+`"`, secret) },
		"a token that is not": func(w *world, _ *node) { w.rewrite(`"token":1`, `"token":"1"`) },
		"a newer format":      func(w *world, _ *node) { w.rewrite(`"format":2`, `"format":99`) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var log bytes.Buffer
				logged := leader.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
				a := w.node("a", logged, leader.WhenStarted(func(ctx context.Context) error {
					_ = leader.SetValue(ctx, secret)
					<-ctx.Done()
					_ = leader.SetValue(context.WithoutCancel(ctx), secret+strings.Repeat("!", lease.MaxCell))
					_ = leader.SetValue(context.WithoutCancel(ctx), secret)
					return nil
				})).run()
				b := w.node("b", logged).run()
				require.Contains(t, w.record(), secret)
				happens(w, a)
				for range 5 {
					time.Sleep(length / 3)
					synctest.Wait()
					for _, n := range []*node{a, b} {
						for _, path := range []string{"/", "/leader", "/standby", "/healthz", "/status", "/watch?lease=x&token=1", "/watch?lease=orders&token=9"} {
							for _, method := range []string{http.MethodGet, http.MethodPost} {
								assert.NotContains(t, n.answer(method, path), secret)
							}
						}
					}
				}
				a.machine.Resume()
				for _, n := range []*node{a, b} {
					n.stop()
					<-n.ended // with whatever error
				}
				assert.NotContains(t, log.String(), secret)
				assert.Contains(t, log.String(), "level=DEBUG")
			})
		})
	}
}

// record returns what the store has.
func (w *world) record() string {
	found, err := w.store.Load(w.Context(), name)
	require.NoError(w, err)
	return string(found.Data)
}

func (w *world) rewrite(old, text string) {
	found, err := w.store.Load(w.Context(), name)
	require.NoError(w, err)
	require.Contains(w, string(found.Data), old)
	_, err = w.store.Swap(w.Context(), name, found.Version, bytes.Replace(found.Data, []byte(old), []byte(text), 1))
	require.NoError(w, err)
}

func (w *world) breaks() {
	m := lease.NewManager(w.store)
	seen, err := lease.Inspect(w.Context(), m, name)
	require.NoError(w, err)
	require.NoError(w, lease.Break(w.Context(), m, seen))
}

// answer returns an answer with its headers. A request that waits is ended.
func (n *node) answer(method, path string) string {
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	n.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, path, nil))
	var out strings.Builder
	require.NoError(n.t, w.Result().Write(&out))
	return out.String()
}
