package fleet

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease/memory"
)

// A coordinator that gives the office up as the node leaves ends no Run with an error: its reason was told already.
func TestOffice_ResignsAsTheNodeLeaves(t *testing.T) {
	for range 100 { // the leader hears of one before the other, or of both
		synctest.Test(t, func(t *testing.T) {
			n := newNode(t.Context(), New(WithName("ships"), WithShards(1), WithLeaseManager(memory.New()), WithLogger(slog.New(slog.DiscardHandler)),
				WhenAssigned(func(context.Context, string) error { return nil })))
			n.life, n.late = t.Context(), t.Context()
			n.campaign()
			synctest.Wait()
			n.inbox.take()
			require.NotNil(t, n.office)
			n.resign(n.office, errors.New("it sees no seats"))
			n.quitting()
			n.running.Wait()
			n.inbox.take()
			require.False(t, n.campaigns)
			require.NoError(t, n.failure)
		})
	}
}
