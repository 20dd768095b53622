package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// On each service, the page says how many requests a look takes at most, and how many it sends in a second: the wire agrees, however many
// browsers look.
func TestUI_RequestsOnTheWire(t *testing.T) {
	const leases, browsers, rate = 20, 40, 100
	values, width := sail(t)
	for i := range leases {
		values[fmt.Sprint("lease-", i)] = ""
	}
	// What docs/ui.md says of a look: a list, one request for each lease on S3 and Cloud Storage, and on Azure one for each seat of a fleet, and for
	// its plan.
	costs := map[emulator.Service]int{emulator.DynamoDB: 1, emulator.S3: 1 + len(values), emulator.GCS: 1 + len(values), emulator.Azure: 1 + 1 + width}
	for _, service := range emulator.Services {
		t.Run(string(service), func(t *testing.T) {
			url := emulated.Make(t, service).URL
			nodes, err := lease.Open(t.Context(), url)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, lease.Close(nodes)) })
			for name, value := range values {
				held, err := nodes.Acquire(t.Context(), lease.Request{Name: name, Holder: "node-a", Length: time.Minute})
				require.NoError(t, err)
				held.Value, held.ValueNumber = value, 1
				_, err = nodes.Renew(t.Context(), held)
				require.NoError(t, err)
			}
			proxy := emulator.Proxy(t, service)
			t.Setenv(emulator.At(service, proxy.URL()))
			m, err := lease.Open(t.Context(), url)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, lease.Close(m)) })

			ui, before, begun := leaderui.New(m, leaderui.WithEvery(leaderui.MinEvery), leaderui.WithRequests(rate)), proxy.Seen(), time.Now()
			defer ui.Close()
			ask := func(ctx context.Context, path string) string {
				answer := httptest.NewRecorder()
				ui.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil))
				return answer.Body.String()
			}
			watching, leave := context.WithCancel(t.Context())
			var all sync.WaitGroup
			defer all.Wait()
			defer leave()
			for range browsers {
				all.Go(func() { ask(watching, "/events") })
			}
			most, looks, latest := 0, 0, time.Time{}
			for looks < 3 {
				var s leaderui.State
				require.NoError(t, json.Unmarshal([]byte(ask(t.Context(), "/state")), &s))
				if s.Looked.After(latest) {
					latest, most, looks = s.Looked, max(most, s.Requests), looks+1
				}
				require.Less(t, time.Since(begun), time.Minute, "looks do not come")
				<-time.After(10 * time.Millisecond)
			}
			sent, took := proxy.Seen()-before, time.Since(begun)
			t.Logf("%d looks, of at most %d requests: %d in %v", looks, most, sent, took)
			require.LessOrEqual(t, sent, (looks+1)*most, "one may be under way")
			require.LessOrEqual(t, sent, int(rate*took.Seconds())+most)
			require.GreaterOrEqual(t, sent, looks*costs[service])
			require.LessOrEqual(t, sent, (looks+1)*costs[service])
			require.Contains(t, ask(t.Context(), "/"), fmt.Sprintf("never more than %d a second", rate))
		})
	}
}

// sail returns the values of the leases of a fleet of one node, and how many seats are read with its plan.
func sail(t *testing.T) (values map[string]string, width int) {
	t.Helper()
	values = map[string]string{}
	synctest.Test(t, func(t *testing.T) {
		m := lease.NewManager(memory.NewStore())
		ctx, stop := context.WithCancel(t.Context())
		working, ended := make(chan struct{}, 10), make(chan error, 1)
		f := fleet.New(fleet.WithName("ships"), fleet.WithNodeID("node-a"), fleet.WithShards(1), fleet.WithLeaseManager(m),
			fleet.WithLogger(slog.New(slog.DiscardHandler)), fleet.WhenAssigned(func(ctx context.Context, _ string) error {
				working <- struct{}{}
				<-ctx.Done()
				return nil
			}))
		go func() { ended <- f.Run(ctx) }()
		<-working
		for info, err := range lease.List(ctx, m, "") {
			require.NoError(t, err)
			values[info.Name] = info.Value
		}
		o, err := fleet.Inspect(ctx, m, "ships")
		require.NoError(t, err)
		width = o.Width
		stop()
		require.NoError(t, <-ended)
	})
	require.Len(t, values, 2, "the coordinator's lease, and a seat")
	return values, width
}
