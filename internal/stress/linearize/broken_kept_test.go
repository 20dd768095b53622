package linearize

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// What breaks values and checkpoints.

// forgetful drops the value from each record that does not change it, as that of an acquisition.
func forgetful(s lease.Store) lease.Store {
	return brokenStore{Store: s, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
		var record map[string]json.RawMessage
		if err := json.Unmarshal(data, &record); err != nil {
			return "", err
		}
		if record["value_number"] == nil {
			delete(record, "value")
			data, _ = json.Marshal(record)
		}
		return s.Swap(ctx, name, old, data)
	}}
}

// takesValuesBack renews with an older value where a newer one is.
func takesValuesBack(m lease.Manager) lease.Manager {
	return brokenManager{Manager: m, renew: func(ctx context.Context, held lease.Lease) (lease.Lease, error) {
		got, err := m.Renew(ctx, held)
		if err == nil && got.ValueNumber > held.ValueNumber {
			got.Value = held.Value
			got.ValueNumber++
			got, err = m.Renew(ctx, got)
			got.ValueNumber = held.ValueNumber
		}
		return got, err
	}}
}

// releasesWithoutTheValue leaves a value out that no renewal has stored.
func releasesWithoutTheValue(m lease.Manager) lease.Manager {
	return brokenManager{Manager: m, release: func(ctx context.Context, held lease.Lease) error {
		i, err := lease.Inspect(ctx, m, held.Name)
		if err != nil {
			return err
		}
		if i.ID == held.ID {
			held.Value = i.Value
		}
		return m.Release(ctx, held)
	}}
}

func TestBrokenValues(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]struct {
		store   func(lease.Store) lease.Store
		manager func(lease.Manager) lease.Manager
	}{
		"V1: an acquisition forgets the value":           {store: forgetful},
		"V2: a release leaves the value out":             {manager: releasesWithoutTheValue},
		"V3: a late renewal takes a newer value back":    {manager: takesValuesBack},
		"V3: a renewal lands late, on whatever there is": {store: every(repeats)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(t, found(t, func() error {
				h, _ := inFiles(t, broken.store, broken.manager).playLeases(t, map[string]int{"renewals": 60}, "a", "b")
				return h.Check(checkLimit, t.TempDir())
			}))
		})
	}
}

// The store below those of the tests here is sound.
func TestSoundCheckpoints(t *testing.T) {
	t.Parallel()
	h, _ := inFiles(t, nil, nil).playCheckpoints(t, map[string]int{"opened": 10, "refused": 1, "told lost": 10, "saved": 10, "reset": 1}, "a", "b")
	require.NoError(t, h.Check(checkLimit, ""))
}

// unclaimed stores no claim of a checkpoint, and goes on as if it had.
func unclaimed(s lease.Store) lease.Store {
	valueIn := func(data []byte) string {
		var r struct{ Value string }
		_ = json.Unmarshal(data, &r)
		return r.Value
	}
	return brokenStore{Store: s, swap: func(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
		found, err := s.Load(ctx, name)
		switch {
		case err != nil:
			return "", err
		case found.Version != old:
			return "", lease.ErrConflict
		case old != "" && valueIn(found.Data) == valueIn(data): // each save changes it
			return old, nil
		}
		return s.Swap(ctx, name, old, data)
	}}
}

func TestBrokenCheckpoints(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(lease.Store) lease.Store{
		"K1: a claim is not stored":                     unclaimed,
		"K2: a conflict is written over":                unconditional,
		"K2: a save that is late lands on a newer one":  every(repeats),
		"a save that was acknowledged is forgotten":     every(forgets),
		"Open is shown what was there before its claim": stale,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(t, found(t, func() error {
				h, _ := inFiles(t, breaks, nil).playCheckpoints(t, nil, "a", "b")
				return h.Check(checkLimit, t.TempDir())
			}))
		})
	}
}
