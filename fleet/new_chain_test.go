package fleet_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// plans is a store that keeps each plan that was written, and can lose the record of the office.
type plans struct {
	lease.Store
	t *testing.T

	mu     sync.Mutex
	losses int
	all    []fleet.Overview
}

func (p *plans) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.losses++
}

func (p *plans) cell(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == "ships" {
		name += strconv.Itoa(p.losses)
	}
	return name
}

// Load reads a cell.
func (p *plans) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	return p.Store.Load(ctx, p.cell(name))
}

// Swap writes a cell.
func (p *plans) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	v, err := p.Store.Swap(ctx, p.cell(name), old, data)
	if name != "ships" || err != nil {
		return v, err
	}
	office, err := lease.Inspect(ctx, lease.NewManager(p), name)
	assert.NoError(p.t, err)
	o, err := fleet.OverviewOf(office, func(string) lease.Info { return lease.Info{} })
	assert.NoError(p.t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, o)
	return v, nil
}

// first returns the first plan above an epoch.
func (p *plans) first(above uint64) (first fleet.Overview) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.all {
		if o.Epoch > above {
			return o
		}
	}
	return first
}

// F10: the first plan of a new chain has the parts of the coordinator's list, and its version, and pins nothing. So nobody waits for a second plan in
// order to know the parts, whether there was no plan, the record was lost, or an operator has reset it.
func TestF10_TheFirstPlanOfAChainHasItsParts(t *testing.T) {
	ships := func(t *testing.T, store *plans, version uint64) (*fleettest.Fleet, *fleettest.Node) {
		f := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(12), fleet.WithLeaseManager(lease.NewManager(store)), fleet.WithPartsVersion(version))
		return f, f.Join("a", fleettest.Wait)
	}
	begins := func(t *testing.T, store *plans, above uint64, version uint64) {
		until(t, "a new chain begins", func() bool { return store.first(above).Epoch > 0 })
		o := store.first(above)
		assert.Len(t, o.Parts, 12)
		assert.Equal(t, version, o.Version)
		for _, p := range o.Parts {
			assert.Equal(t, fleet.PartInfo{Part: p.Part, Token: p.Token, Why: p.Why}, p)
			assert.True(t, above < p.Token && p.Token <= o.Epoch, "%d", p.Token) // the next plan may overtake the first one before that is sent
		}
	}
	for what, test := range map[string]func(t *testing.T, store *plans){
		"there is none": func(t *testing.T, store *plans) {
			ships(t, store, 3)
			begins(t, store, 0, 3)
		},
		"the record is lost": func(t *testing.T, store *plans) {
			_, a := ships(t, store, 3)
			until(t, "it has parts", func() bool { return len(a.Status().Parts) == 12 })
			require.NoError(t, fleet.Move(t.Context(), lease.NewManager(store), "ships", "7", "a"))
			above := a.Status().Epoch
			store.lose()
			begins(t, store, above, 3)
		},
		"it was reset": func(t *testing.T, store *plans) {
			_, a := ships(t, store, 5)
			time.Sleep(length)
			require.NoError(t, fleet.Move(t.Context(), lease.NewManager(store), "ships", "7", "a"))
			require.NoError(t, a.Leave())
			require.NoError(t, fleet.Reset(t.Context(), lease.NewManager(store), "ships", 0))
			o, err := fleet.Inspect(t.Context(), lease.NewManager(store), "ships")
			require.NoError(t, err)
			ships(t, store, 3)
			begins(t, store, o.Epoch, 3)
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, &plans{Store: memory.NewStore(), t: t}) })
		})
	}
}
