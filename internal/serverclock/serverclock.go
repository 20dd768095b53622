// Package serverclock tells by the clock of a service alone how old a record is (R1).
package serverclock

import "time"

const (
	Grain = time.Second     // the Date and the Last-Modified of an answer have whole seconds, rounded down
	Skew  = 2 * time.Second // the clocks of a service's own machines may differ by this
)

// Age returns a lower bound on how long before an answer with this Date the record that it shows was sent, if the service
// wrote it at the given time. It is at least a nanosecond, or 0 if it cannot be known: a time is missing, or the two
// contradict each other.
func Age(date, written time.Time) time.Duration {
	since := date.Sub(written) // saturates instead of wrapping around
	if date.Unix() <= 0 || written.IsZero() || since < -(Grain+Skew) {
		return 0
	}
	return max(since-(Grain+Skew), time.Nanosecond)
}
