package leader

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"runtime/debug"
	"slices"

	"github.com/cloudlease/leader/lease"
)

// result is how a work ended.
type result struct {
	err      error
	stopped  error // why its context had been cancelled when it returned; nil if it had not
	lost     error // what Check said then
	ended    bool  // the run's context had ended by then
	panicked bool
	value    any // of the panic
}

var errGoexit = errors.New("leader: the work called runtime.Goexit")

// work runs the user's function in a goroutine of its own, and sends its result once.
func (r *run) startWork(ctx context.Context, term lease.Term) <-chan *result {
	results := make(chan *result, 1)
	go func() {
		res := &result{panicked: true, value: errGoexit}
		defer func() {
			if v := recover(); v != nil { // also of panic(nil), since Go 1.21; else it is Goexit
				res.value = v
				r.remark(slog.LevelError, "the work panicked",
					slog.Uint64("token", term.Token()), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			}
			res.stopped, res.lost, res.ended = context.Cause(ctx), term.Check(), r.ctx.Err() != nil
			results <- res
		}()
		res.err = r.work(ctx)
		res.panicked, res.value = false, nil
	}()
	return results
}

// excused reports whether a work's error says no more than that its context has ended: it is one of the reasons, or
// wraps nothing else.
func excused(err error, reasons ...error) bool {
	if err == nil {
		return true
	}
	for _, reason := range reasons {
		if reason != nil && reflect.TypeOf(reason).Comparable() && err == reason {
			return true
		}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			if !excused(e, reasons...) {
				return false
			}
		}
		return true
	}
	inner := errors.Unwrap(err)
	return inner != nil && excused(inner, reasons...)
}

// joined is errors.Join, but leaves a single error as it is.
func joined(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
