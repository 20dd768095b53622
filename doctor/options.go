package doctor

import (
	"time"

	"github.com/cloudlease/leader"
)

// settings has the values of all options.
type settings struct {
	timeout time.Duration // for one answer of the store
	length  time.Duration
	samples int
	anew    bool

	tell     func(Finding)
	progress func(format string, args ...any)
}

// An Option says how a store is checked. A later one replaces an earlier one.
type Option func(*settings)

// WithLeaseLength says which length the leases of leaders are to have: leader.DefaultLeaseLength if it is not given. The checks length and
// latency go by it. The lease that is tried has the default length, or what the store allows instead.
func WithLeaseLength(d time.Duration) Option { return func(s *settings) { s.length = d } }

// WithSamples says how many reads and renewals are timed, at least one: 30 if it is not given.
func WithSamples(n int) Option { return func(s *settings) { s.samples = max(n, 1) } }

// WithTimeout says how long the store may take for one answer: at most 10 s, which is the default. A longer time counts as 10 s, and one
// that is not positive changes nothing. One below a millisecond, as a number without a unit, fails the first check. A leader gives up sooner.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) {
		if d > 0 {
			s.timeout = min(d, callPatience)
		}
	}
}

// WithNewLease tries a lease that was never taken, with a random name that begins with [Scratch]. Its record stays, too.
func WithNewLease() Option { return func(s *settings) { s.anew = true } }

// WithFindings sets a function that is called with each finding as soon as it is made, in the goroutine of Check. Nil: none.
func WithFindings(f func(Finding)) Option {
	return func(s *settings) {
		if s.tell = f; f == nil {
			s.tell = func(Finding) {}
		}
	}
}

// WithProgress sets a function that is called with a description of each step, as fmt.Sprintf takes it, and with an empty format when the
// step is done, in the goroutine of Check. Nil: none.
func WithProgress(f func(format string, args ...any)) Option {
	return func(s *settings) {
		if s.progress = f; f == nil {
			s.progress = func(string, ...any) {}
		}
	}
}

func settingsOf(options []Option) settings {
	s := settings{
		timeout: callPatience, length: leader.DefaultLeaseLength, samples: 30,
		tell: func(Finding) {}, progress: func(string, ...any) {},
	}
	for _, o := range options {
		if o != nil {
			o(&s)
		}
	}
	return s
}
