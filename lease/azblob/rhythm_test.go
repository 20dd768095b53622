package azblob

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

func TestLookAfter(t *testing.T) {
	t.Parallel()
	acquired := time.Date(2025, 3, 1, 23, 59, 58, 0, time.UTC)
	seen := record{token: 1, id: "x", holder: "h", length: 15 * time.Second, acquired: acquired}
	const fine = 5 * time.Second / 32
	for _, late := range []float64{0, .5, 1} {
		m := &manager{late: late}
		offset := fine + time.Duration(late*float64(fine))
		for _, now := range []time.Duration{
			0, time.Millisecond, offset - 1, offset, offset + 1, time.Second, 5 * time.Second, 17 * time.Second, 1000 * time.Hour,
			-time.Millisecond, -7 * time.Second, -1000 * time.Hour, // its clock is ahead of this machine's
		} {
			wait := m.lookAfter(seen, acquired.Add(now))
			assert.Positive(t, wait)
			assert.LessOrEqual(t, wait, 5*time.Second)
			assert.Zero(t, (now+wait-offset)%(5*time.Second), "%v later, a look in %v", now, wait)
		}
	}
	m := &manager{}
	assert.Zero(t, m.lookAfter(record{length: 15 * time.Second}, acquired), "nobody knows when it was acquired")
	assert.Zero(t, m.lookAfter(record{acquired: acquired, length: 31}, acquired))
	assert.Positive(t, m.lookAfter(seen, time.Time{}))
}

// A poll that is refused says when to look again.
func TestAPollHints(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.client(t, connectionString(), nil))
	acquire(t, m, "orders", "one")
	_, err := m.Acquire(t.Context(), request("orders", "two"))
	by, ok := errors.AsType[*lease.HeldError](err)
	require.True(t, ok, "%v", err)
	assert.Positive(t, by.Info.LookAfter)
	assert.LessOrEqual(t, by.Info.LookAfter, by.Info.Length/3)
	assert.Zero(t, by.Info.RetryAfter, "Azure does not show when the lease runs out")
}
