package host

import "time"

// An Alarm wakes one goroutine that waits on C. It may ring once too often after it was set anew, so whoever wakes
// looks at the clock. It is not safe for concurrent use.
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

// Set makes the alarm ring once d has passed, instead of when it was set to ring before.
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
