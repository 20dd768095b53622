//go:build unix

package guard

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/lease"
)

// R2: an answer counts from before the question. Here it comes late, as when leader is suspended after it has looked at its
// term: what it says was left is over, and the program is not started.
func TestGuardCountsFromBeforeItAsked(t *testing.T) {
	s := newSite(t)
	ordersIn, orders, err := os.Pipe()
	require.NoError(t, err)
	reports, reportsOut, err := os.Pipe()
	require.NoError(t, err)
	defer reports.Close()
	cmd := commandtest.Command(t, Name, "3", "4", "/bin/sh", "sh", "-c", "echo never >>"+s.File)
	cmd.ExtraFiles = []*os.File{ordersIn, reportsOut}
	require.NoError(t, cmd.Start())
	require.NoError(t, ordersIn.Close())
	require.NoError(t, reportsOut.Close())

	tell, hear := json.NewEncoder(orders), json.NewDecoder(reports)
	require.NoError(t, tell.Encode(guardOrder{Charge: &charge{Timing: Timing{Stop: 40 * time.Millisecond, Kill: 10 * time.Millisecond}}}))
	var r guardReport
	require.NoError(t, hear.Decode(&r))
	require.True(t, r.Ask)
	asked := lease.Now(t.Context())
	commandtest.Eventually(t, "the answer to be late", func() bool { return asked.Elapsed() > 150*time.Millisecond })
	require.NoError(t, tell.Encode(guardOrder{Answer: true, Remaining: 190 * time.Millisecond}))
	r = guardReport{}
	require.NoError(t, hear.Decode(&r))
	require.Equal(t, guardReport{Ended: &Ending{Early: true}}, r)
	require.NoError(t, cmd.Wait())
	require.NoError(t, orders.Close())
	require.Empty(t, s.Lines())
}
