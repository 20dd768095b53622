package gcs

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

const unavailable = `{"error":{"code":503,"message":"We encountered an internal error. Please try again.","errors":[` +
	`{"message":"We encountered an internal error. Please try again.","domain":"global","reason":"backendError"}]}}`

const tooOften = `{"error":{"code":429,"message":"The object exceeded the rate limit for object mutation operations (create, ` +
	`update, and delete). Please reduce your request rate.","errors":[{"message":"...","domain":"usageLimits","reason":"rateLimitExceeded"}]}}`

// Every request of a term is broken in turn, in every way, while a standby waits: no term is lost, no two hold at once,
// and no lease is left behind.
func TestFaults(t *testing.T) {
	t.Parallel()
	f := fleet{bucket: newBucket(t)}
	faults := map[string]wire.Fault{
		"cut before":   wire.Cut(wire.Before),
		"cut after":    wire.Cut(wire.After),
		"reset before": wire.Reset(wire.Before),
		"reset after":  wire.Reset(wire.After),
		"stall before": wire.Stall(wire.Before),
		"stall after":  wire.Stall(wire.After),
		"lands late":   wire.Delay(wire.Before, every+every/2), // after its sender gave it up, and sent another
		"503":          wire.Reply(503, nil, unavailable),
		"429":          wire.Reply(429, nil, tooOften),
	}
	type broken struct {
		request int // of the leader's; 0: the first one once it was told to stop
		fault   wire.Fault
	}
	cases := map[string]broken{}
	for how, fault := range faults {
		for i, what := range []string{"release", "acquire, read", "acquire, write", "first renewal", "second renewal"} {
			cases[what+", "+how] = broken{i, fault}
		}
	}
	atOnce(t, cases, func(t *testing.T, c broken) { f.survives(t, c.request, c.fault) })
}

type fleet struct{ bucket string }

func (f fleet) survives(t *testing.T, request int, fault wire.Fault) {
	proxy, client := newProxy(t)
	name := strings.TrimPrefix(t.Name(), "TestFaults/")
	healthy := New(connect(t), f.bucket)
	var struck <-chan struct{}
	if request > 0 {
		struck = proxy.OnRequest(request, fault)
	}

	a := newNode(t, New(client, f.bucket), name, "a")
	first := a.leads(length + every)
	b := newNode(t, healthy, name, "b")
	watched := watch(t, a, b)
	if request > 0 {
		soon(t, "the fault", struck, 2*every)
		a.renews(2)
	} else {
		a.renews(1)
		struck = proxy.OnRequest(1, fault)
	}
	require.Empty(t, a.ended, "a term was lost before its deadline")
	require.NoError(t, first.Check())

	a.cancel()
	within := every
	if request == 0 {
		soon(t, "the fault", struck, every)
		within += length // it runs out, if it could not be released
	}
	second := b.leads(within)
	assert.Greater(t, second.Token(), first.Token(), "S2")
	require.Error(t, first.Check(), "S1")
	b.renews(1)
	require.Empty(t, b.ended, "a term was lost before its deadline")
	b.stop()
	watched()
	info, err := lease.Inspect(t.Context(), healthy, name)
	require.NoError(t, err)
	assert.Equal(t, lease.Free, info.State, "a lease was left behind: %+v", info)
}

// watch keeps S1, until the function that it returns is called: no two terms hold at once.
func watch(t testing.TB, nodes ...*node) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for ; ctx.Err() == nil; <-ticker.C {
			var terms []lease.Term
			for _, n := range nodes {
				if term := n.Status().Term; term.Check() == nil {
					terms = append(terms, term)
				}
			}
			hold := 0
			for _, term := range terms { // one look after the other shows two terms that follow each other; but not twice
				if term.Check() == nil {
					hold++
				}
			}
			if hold > 1 {
				t.Errorf("S1: two terms hold at the same time")
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
