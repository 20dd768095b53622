package leader_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// R7: an hour with one leader and four standbys, a takeover after a release, and every request accounted for.
func TestR7_RequestsOfAnHour(t *testing.T) {
	inWorld(t, func(w *world) {
		lead := w.node("leader").run()
		lead.leads()
		var standbys []*node
		for i := range 4 {
			standbys = append(standbys, w.node(fmt.Sprintf("standby %d", i)).run())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		loads, swaps := lead.link.counts()
		assert.Equal(t, 1, loads, "the acquisition's")
		assert.Equal(t, 1+int(time.Hour/every), swaps, "the acquisition's and one a renewal")
		for _, s := range standbys {
			loads, swaps := s.link.counts()
			assert.Zero(t, swaps, "standbys do not write")
			assert.InEpsilon(t, int(time.Hour/every), loads, 0.06, "one read an interval, and a little for the jitter")
			assert.Equal(t, countRequests(s, leader.OpAcquire), loads, "one read a poll")
		}

		before := map[*node]int{}
		for _, s := range standbys {
			before[s], _ = s.link.counts()
		}
		require.NoError(t, lead.stop())
		_, after := lead.link.counts()
		assert.Equal(t, swaps+1, after, "one write a release")
		time.Sleep(every)
		synctest.Wait()
		wrote := 0
		for _, s := range standbys {
			_, swaps := s.link.counts()
			wrote += swaps
		}
		assert.Equal(t, 1, wrote, "one write an acquisition, whoever got it")
		for _, s := range standbys {
			loads, _ := s.link.counts()
			assert.Equal(t, countRequests(s, leader.OpAcquire), loads-before[s], "and one read, like every poll")
		}
	})
}

func countRequests(n *node, op leader.Op) int {
	return countEvents(n, func(e leader.Event) bool {
		r, ok := e.(leader.RequestEvent)
		return ok && r.Op == op && (r.Err == nil || errors.Is(r.Err, lease.ErrHeld))
	})
}
