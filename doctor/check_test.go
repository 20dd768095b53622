package doctor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// With one manager, every check is made, in virtual time here.
func TestCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := memory.New()
		var told []string
		r := Check(t.Context(), m, WithLeaseLength(20*time.Second), WithSamples(3), WithFindings(func(f Finding) { told = append(told, f.Check) }))
		require.NoError(t, r.Err())
		require.Equal(t, everyCheck, r.all(Well))
		require.Equal(t, everyCheck, told)
		require.InDelta(t, 20, r.LeaseLength, 0)
		require.Equal(t, 3, r.Renewals.Count)
		left, err := lease.Inspect(t.Context(), m, Scratch)
		require.NoError(t, err)
		require.Equal(t, lease.Free, left.State)

		r = Check(t.Context(), m)
		require.NoError(t, r.Err())
		require.Equal(t, []string{"first"}, r.all(Skipped), "it was tried before")
		r = Check(t.Context(), m, nil, WithFindings(nil), WithProgress(nil), WithNewLease())
		require.Empty(t, r.all(Skipped))
		require.NotEqual(t, Scratch, r.Scratch)
	})
}

// twice is a manager that grants a lease to a second node, too, as one on a store without conditions does.
type twice struct{ lease.Manager }

func (m twice) Acquire(ctx context.Context, r lease.Request) (lease.Lease, error) {
	l, err := m.Manager.Acquire(ctx, r)
	if err == nil {
		return l, nil
	}
	return memory.New().Acquire(ctx, r)
}

func (m twice) Inspect(ctx context.Context, name string) (lease.Info, error) {
	return lease.Inspect(ctx, m.Manager, name)
}

func TestCheckFindsAManagerThatLetsTwoLead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := Check(t.Context(), twice{memory.New()})
		require.ErrorContains(t, r.Err(), "not fit to elect a leader")
		for _, check := range []string{"first", "race", "held"} {
			assert.Equal(t, Failed, r.of(check).Result, "%+v", r.of(check))
			assert.NotEmpty(t, r.of(check).Advice)
		}
	})
}

func TestCheckWithoutAStore(t *testing.T) {
	t.Parallel()
	for _, r := range []Report{Check(t.Context(), nil), Check(t.Context(), (*memory.Manager)(nil)), CheckURL(t.Context(), "")} {
		require.ErrorContains(t, r.Err(), "failed: open")
		require.Contains(t, r.of("open").Detail, "there is no store")
		require.Contains(t, r.of("open").Advice, "give Check a lease manager")
	}
	for _, mem := range []string{"mem:", "MEM:", "mem:?size=1", "mem://somewhere"} { // each of the nodes would have another
		r := CheckURL(t.Context(), mem)
		require.ErrorContains(t, r.Err(), "failed: open")
		require.Contains(t, r.of("open").Detail, "invalid lease request: mem: is the memory of one process", mem)
		require.Equal(t, everyCheck[1:], r.all(Skipped))
		_, err := newDoctor(source{url: mem}, settingsOf(nil), fullWaits).open(t.Context(), "")
		require.ErrorIs(t, err, lease.ErrInvalid)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := Check(ctx, memory.New())
	require.ErrorContains(t, r.Err(), "interrupted")
}
