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
		assert.Equal(t, 1, wrote, "one write for each acquisition, by any node")
		for _, s := range standbys {
			loads, _ := s.link.counts()
			assert.Equal(t, countRequests(s, leader.OpAcquire), loads-before[s], "and one read, like every poll")
		}
	})
}

// Renewals come at whole intervals after the lease was asked for, and come back to that after a failure: a standby can know when
// the next one is due. None is later than an interval, and none sooner than half of one.
func TestRenewalsKeepTheirRhythm(t *testing.T) {
	for outage := every / 2; outage < 5*time.Second; outage += every / 10 {
		inWorld(t, func(w *world) {
			node := w.node("leader")
			var renewals []time.Duration
			down := w.start.Add(20*time.Second - 1)
			node.link.set(func(q request) {
				if now := time.Now(); !now.Before(down) && now.Before(down.Add(outage)) {
					cut(q)
					return
				}
				if q.op == "swap" {
					renewals = append(renewals, time.Since(w.start))
				}
				time.Sleep(2 * time.Second) // as long as the acquisition takes; the rhythm does not depend on it
				q.send()
			})
			node.run().leads()
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			require.NoError(t, node.stop())
			renewals = renewals[1:] // the acquisition
			require.Greater(t, len(renewals), 50)
			off := 0
			for i, at := range renewals[:len(renewals)-1] { // the last is the release
				if at%every != 0 {
					off++
				}
				if i > 0 && at > 20*time.Second+outage+every {
					assert.LessOrEqual(t, at-renewals[i-1], every, "after %v", renewals[i-1])
					assert.GreaterOrEqual(t, at-renewals[i-1], every/2, "after %v", renewals[i-1])
				}
			}
			assert.LessOrEqual(t, off, 2, "after %v: %v", outage, renewals)
		})
	}
}

func countRequests(n *node, op leader.Op) int {
	return countEvents(n, func(e leader.Event) bool {
		r, ok := e.(leader.RequestEvent)
		return ok && r.Op == op && (r.Err == nil || errors.Is(r.Err, lease.ErrHeld))
	})
}
