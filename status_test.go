package leader_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader"
)

// What Status and events show is the caller's own: to change it publishes nothing, and races with nobody.
func TestStatus_SharesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		attributes := map[string]string{"addr": "a"}
		a := w.node("a", leader.WithAttributes(attributes), leader.WithObserver(func(e leader.Event) {
			if h, ok := e.(leader.HolderEvent); ok {
				h.Seen.Attributes["addr"] = "event"
			}
		})).run()
		a.leads()
		a.Status().Seen.Attributes["addr"] = "status"
		attributes["addr"] = "option"
		time.Sleep(2 * every)
		assert.Equal(t, "a", w.look().Attributes["addr"])
		assert.Equal(t, "a", a.Status().Seen.Attributes["addr"])
	})
}

// Since is when the state began that Status says, also of a term that has run out before anybody told.
func TestStatus_SinceOfATermThatRanOut(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		a.machine.Suspend()
		time.Sleep(length)
		a.machine.Resume()
		seen := a.Status()
		assert.Equal(t, leader.Stopping, seen.State)
		assert.Equal(t, a.machine.Now(), seen.Since)
	})
}
