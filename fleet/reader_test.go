package fleet

import (
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// F2, F4: what a request shows that was sent before the newest plan was read may stand no more. It neither bars this node from the office nor says
// that somebody has edited the record; a later request shows whether that is so.
func TestF2_LateAnswers(t *testing.T) {
	older, err := encodePlan(&plan{Epoch: 1, Width: minWidth})
	require.NoError(t, err)
	newest, err := encodePlan(&plan{Epoch: 2, Width: minWidth})
	require.NoError(t, err)
	for text, says := range map[string]string{older: "not of the chain", "none": lease.ErrRecord.Error()} {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(t.Context(), New(WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))))
			time.Sleep(2 * time.Nanosecond)
			n.read(newest, 0)
			n.read(text, 1)
			require.NoError(t, n.status(Status{}).Err)
			n.read(text, 2)
			require.ErrorContains(t, n.status(Status{}).Err, says)
			require.EqualValues(t, 2, n.plan.Epoch)
		})
	}
}

// What an earlier Run has found does not bar this one from the office.
func TestRun_BeginsUnbarred(t *testing.T) {
	f := New(WithLogger(slog.New(slog.DiscardHandler)))
	f.health, f.alien = ErrUnhealthy, lease.ErrRecord
	require.NoError(t, f.begin(newNode(t.Context(), f)))
	require.NoError(t, f.whyBarred())
}
