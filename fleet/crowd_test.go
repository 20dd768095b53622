package fleet

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// While nodes come, a fleet in which nobody has anything waits a lease length. A crowd has to wait for seats, and each time that there are more of
// many, the fleet waits a lease length from then on: those who come after the parts were handed out get some only when it is calm.
func TestBalance_ACrowdIsWaitedFor(t *testing.T) {
	const length = 15 * time.Second
	for _, test := range []struct {
		width int
		waits bool
	}{{minWidth, false}, {manySeats / 2, false}, {manySeats, true}, {8 * manySeats, true}} {
		synctest.Test(t, func(t *testing.T) {
			store := struct{ lease.Store }{memory.NewStore()} // which tells nothing
			n := newNode(t.Context(), New(
				WithName("f"), WithShards(3), WithLeaseManager(lease.NewManager(store)), WithLeaseLength(length),
				WithLogger(slog.New(slog.DiscardHandler)), WhenAssigned(func(context.Context, string) error { return nil }),
			))
			o := &office{ctx: t.Context(), teller: newTeller(nil), facts: newFacts(), seats: map[int]*seatView{}, base: &plan{Epoch: 1, Width: test.width}}
			n.takeOffice(o)
			handsOut := func() bool {
				o.joined = n.now()
				return n.situation(o).HandOut
			}
			time.Sleep(length - time.Second)
			require.False(t, handsOut())
			wider := o.base.clone()
			wider.Epoch++
			wider.Width *= 2
			require.NoError(t, n.publish(o, wider))
			time.Sleep(time.Second)
			require.Equal(t, !test.waits, handsOut(), "of %d seats there are twice as many", test.width)
			time.Sleep(length - time.Second)
			require.True(t, handsOut())
		})
	}
}
