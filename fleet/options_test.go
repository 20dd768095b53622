package fleet_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// forever is the longest time that an option may be.
const forever = lease.Forever / 2

// extremes has the least and the greatest value of each option that has any, and those beyond. An option is refused, or the records hold
// what it asks for.
var extremes = []struct {
	what    string
	option  fleet.Option
	refused string // empty: it is accepted
}{
	{"no bound, by a great number", fleet.WithCapacity(math.MaxInt), ""},
	{"the greatest capacity", fleet.WithCapacity(math.MaxInt32), ""},
	{"no bound", fleet.WithCapacity(0), ""},
	{"a capacity of less than nothing", fleet.WithCapacity(math.MinInt), "WithCapacity: "},
	{"a spare", fleet.WithWeight(0), ""},
	{"the greatest weight", fleet.WithWeight(1 << 20), ""},
	{"a greater weight", fleet.WithWeight(math.MaxInt), "WithWeight: "},
	{"the least weight", fleet.WithWeight(math.MinInt), "WithWeight: "},
	{"the greatest version", fleet.WithPartsVersion(math.MaxUint64), ""},
	{"a short name", fleet.WithName("x"), ""},
	{"no name", fleet.WithName(""), "the name is empty"},
	{"the longest name", fleet.WithName(strings.Repeat("x", 243)), ""},
	{"a name too long for a seat", fleet.WithName(strings.Repeat("x", 244)), "WithName: "},
	{"a name too long for a seat, and not for a part", fleet.WithName(strings.Repeat("x", 247)), "WithName: "},
	{"a name as long as one of a lease", fleet.WithName(strings.Repeat("x", lease.MaxName)), "WithName: "},
	{"a name too long for a lease", fleet.WithName(strings.Repeat("x", lease.MaxName+1)), "more than 255"},
	{"a name that is no text", fleet.WithName("\xff"), "not UTF-8"},
	{"a name of two lines", fleet.WithName("a\nb"), "control character"},
	{"a name of a checkpoint", fleet.WithName(lease.CheckpointPrefix), "checkpoint"},
	{"the longest ID", fleet.WithNodeID(strings.Repeat("n", lease.MaxName)), ""},
	{"a longer ID", fleet.WithNodeID(strings.Repeat("n", lease.MaxName+1)), "more than 255"},
	{"no ID", fleet.WithNodeID(""), "the name is empty"},
	{"an ID that is no text", fleet.WithNodeID("\xff"), "not UTF-8"},
	{"an ID of two lines", fleet.WithNodeID("a\u0085b"), "control character"},
	{"the most attributes", fleet.WithAttributes(map[string]string{"a": strings.Repeat("x", 1023)}), ""},
	{"more attributes", fleet.WithAttributes(map[string]string{"a": strings.Repeat("x", 1024)}), "attributes"},
	{"an attribute that is no text", fleet.WithAttributes(map[string]string{"a": "\xff"}), "not UTF-8"},
	{"a longer lease", fleet.WithLeaseLength(forever + 1), "WithLeaseLength: "},
	{"a lease that no clock counts", fleet.WithLeaseLength(math.MaxInt64), "WithLeaseLength: "},
	{"the longest interval", fleet.WithInterval(forever), "WithInterval: "},
	{"a longer interval", fleet.WithInterval(math.MaxInt64), "WithInterval: "},
	{"the longest calm", fleet.WithCalm(forever), ""},
	{"a longer calm", fleet.WithCalm(forever + 1), "WithCalm: "},
	{"the longest stop", fleet.WithStopTimeout(forever), ""},
	{"a longer stop", fleet.WithStopTimeout(forever + 1), "WithStopTimeout: "},
	{"the longest drain", fleet.WithDrainTimeout(forever), ""},
	{"a longer drain", fleet.WithDrainTimeout(forever + 1), "WithDrainTimeout: "},
	{"the longest end", fleet.WithEndTimeout(forever), ""},
	{"a longer end", fleet.WithEndTimeout(forever + 1), "WithEndTimeout: "},
}

func TestOptions_WhatIsAcceptedIsWritten(t *testing.T) {
	for _, e := range extremes {
		t.Run(e.what, func(t *testing.T) { accepts(t, e.refused, fleet.WithShards(3), e.option) })
	}
	random := rand.New(rand.NewPCG(1, 1))
	names := func(n, size int) fleet.Option {
		all := map[string]bool{}
		for len(all) < n {
			all[fmt.Sprintf("%0*x", size, random.Uint64())] = true
		}
		return fleet.WithParts(slices.Collect(maps.Keys(all))...)
	}
	for _, e := range []struct {
		what    string
		option  fleet.Option
		refused string
	}{
		{"one shard", fleet.WithShards(1), ""},
		{"no shard", fleet.WithShards(0), "WithShards: "},
		{"too many shards", fleet.WithShards(math.MaxInt), "WithShards: "},
		{"the longest part", fleet.WithParts(strings.Repeat("p", lease.MaxName-len("ships/parts/"))), ""},
		{"a longer part", fleet.WithParts(strings.Repeat("p", lease.MaxName-len("ships/parts/")+1)), "more than 255"},
		{"a part without a name", fleet.WithParts(""), `part ""`},
		{"a part that is no text", fleet.WithParts("\xff"), "not UTF-8"},
		{"a thousand names", names(1_000, 16), ""},
		{"more names than a lease's value holds", names(20_000, 16), "the fleet's leases cannot hold"},
		{"more names than a plan holds", names(1<<17, 64), "before it is deflated"},
		{"too many names", names(1<<17+1, 16), "too many"},
	} {
		t.Run(e.what, func(t *testing.T) { accepts(t, e.refused, e.option) })
	}
	for what, option := range map[string]fleet.Option{"the most shards": fleet.WithShards(1 << 17), "the longest lease": fleet.WithLeaseLength(forever)} {
		f := fleet.New(quiet(), fleet.WithLeaseManager(leadertest.NewManager(nil)), fleet.WhenAssigned(fleettest.Wait), fleet.WithShards(1), option)
		require.NoError(t, f.Validate(), what)
	}
}

// accepts checks that options are refused with the text, or that the only node with them has each part, and everybody can read what it says.
func accepts(t *testing.T, refused string, opts ...fleet.Option) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t, fleet.WithName("ships"))
		a := f.Join("a", fleettest.Wait, opts...)
		if refused != "" {
			require.ErrorContains(t, a.Validate(), refused)
			require.Error(t, a.Result())
			return
		}
		require.NoError(t, a.Validate())
		time.Sleep(a.Status().Length * 2)
		s := a.Status()
		o, err := fleet.Inspect(t.Context(), f.Store(), s.Fleet)
		require.NoError(t, err)
		require.NoError(t, s.Err)
		require.Len(t, o.Nodes, 1)
		require.NoError(t, o.Nodes[0].Err)
		require.NotZero(t, o.Nodes[0].Epoch, "it has acknowledged a plan")
		require.NotEmpty(t, o.Parts)
		require.Len(t, s.Parts, len(o.Parts))
	})
}

// A node that cannot say in its seat what it still stops is not healthy: nobody can begin those parts.
func TestStatus_ANodeThatCannotAcknowledge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for n := range 12 {
			names = append(names, fmt.Sprintf("%d-%x", n, rand.NewChaCha8([32]byte{byte(n)}).Uint64()))
		}
		f := fleettest.New(t, fleet.WithName("ships"), fleet.WithPartsFrom(interval, func(context.Context) ([]string, error) { return names, nil }))
		f.Join("b", fleettest.Wait)
		f.Settle()
		returns := make(chan struct{})
		finish := sync.OnceFunc(func() { close(returns) })
		defer finish()
		a := f.Join("a", func(ctx context.Context, _ string) error {
			<-ctx.Done()
			<-returns
			return nil
		}, fleet.WithLeaseManager(brief{f.Store()}))
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
		require.NoError(t, a.Status().Err)
		drained := make(chan error, 1)
		go func() { drained <- fleet.Drain(t.Context(), f.Store(), "ships", a.Status().Seat) }()
		time.Sleep(2 * length)
		require.ErrorIs(t, a.Status().Err, lease.ErrInvalid)
		require.ErrorContains(t, a.Status().Err, "cannot say in its seat")
		finish()
		require.NoError(t, <-drained)
		require.NoError(t, a.Status().Err)
	})
}

// A brief manager keeps only short values.
type brief struct{ lease.Manager }

func (b brief) Unwrap() lease.Manager { return b.Manager }

func (brief) Limits() lease.Limits { return lease.Limits{MaxValue: 200} }
