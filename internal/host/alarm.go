package host

import "time"

// An Alarm wakes one goroutine that waits on C. It may ring once too often after Set, so a goroutine that wakes must
// look at the clock. It is not safe for concurrent use.
type Alarm struct {
	C     <-chan struct{}
	ring  chan struct{}
	host  Host
	timer Timer
}

// NewAlarm returns an alarm that is not set.
func NewAlarm(h Host) *Alarm {
	ring := make(chan struct{}, 1)
	return &Alarm{C: ring, ring: ring, host: h}
}

// Set makes the alarm ring after d, and cancels an earlier setting.
func (a *Alarm) Set(d time.Duration) {
	a.Stop()
	a.timer = a.host.AfterFunc(max(d, 0), func() {
		select {
		case a.ring <- struct{}{}:
		default:
		}
	})
}

// Stop keeps the alarm from ringing.
func (a *Alarm) Stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
	select {
	case <-a.ring:
	default:
	}
}
