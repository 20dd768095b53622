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
	cause    error // of its context, when it returned; nil if that was not cancelled
	lost     error // what Check said then
	panicked bool
	value    any // of the panic
}

// work is a work that was begun.
type work struct {
	results chan *result  // gets its result, once
	done    chan struct{} // closed after that
}

// startWork runs the user's function in a goroutine of its own.
func (r *run) startWork(ctx context.Context, term lease.Term) work {
	w := work{make(chan *result, 1), make(chan struct{})}
	ctx = r.leader.inside(ctx)
	go func() {
		res := &result{panicked: true, value: errGoexit}
		defer func() {
			if v := recover(); v != nil { // also of panic(nil), since Go 1.21; else it is Goexit
				res.value = v
				r.remark(slog.LevelError, "the work panicked",
					slog.Uint64("token", term.Token()), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			}
			res.cause, res.lost = context.Cause(ctx), term.Check()
			w.results <- res
			close(w.done)
		}()
		res.err = r.work(ctx)
		res.panicked, res.value = false, nil
	}()
	return w
}

// excused reports whether a work's error says no more than that it was told to stop: it is nil or one of the reasons, or
// wraps such errors and nothing else.
func excused(err error, reasons ...error) bool {
	if err == nil || slices.ContainsFunc(reasons, func(reason error) bool { return same(err, reason) }) {
		return true
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		all := slices.DeleteFunc(slices.Clone(many.Unwrap()), func(e error) bool { return e == nil })
		return len(all) > 0 && !slices.ContainsFunc(all, func(e error) bool { return !excused(e, reasons...) })
	}
	inner := errors.Unwrap(err)
	return inner != nil && excused(inner, reasons...)
}

// same is a == b, for errors of any type.
func same(a, b error) bool {
	return a != nil && b != nil && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// joined is errors.Join, but leaves a single error as it is.
func joined(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
