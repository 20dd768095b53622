package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
	"slices"

	"github.com/cloudlease/leader/lease"
)

// A result says how a work ended.
type result struct {
	err      error
	gaveUp   bool  // that is an ErrStepDown
	cause    error // of its context when it returned; nil if that was not cancelled
	lost     error // from Check at that moment
	panicked bool
	value    any // of the panic
}

// A work is the user's function, running.
type work struct {
	results chan *result  // receives the result, once
	done    chan struct{} // closed after that
}

// startWork starts the user's function in a new goroutine.
func (r *run) startWork(ctx context.Context, term lease.Term) work {
	w := work{make(chan *result, 1), make(chan struct{})}
	go func() {
		res := &result{panicked: true, value: errGoexit}
		defer func() {
			if v := recover(); v != nil { // since Go 1.21 also after panic(nil); nil means Goexit
				res.value = v
				r.remark(slog.LevelError, "the work panicked: the lease is given back, and Run panics",
					slog.Uint64("token", term.Token()), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			}
			res.cause, res.lost = context.Cause(ctx), term.Check()
			w.results <- res
			close(w.done)
		}()
		err := r.work(ctx)
		res.gaveUp = examine(err)
		res.err = err // only now: nobody else calls a method that panics
		res.panicked, res.value = false, nil
	}()
	return w
}

// examine reports whether an error of the user's is an ErrStepDown. It calls each method of the error that errors.Is and errors.As
// call, and panics if one of them does, as Unwrap does of a nil pointer in an error: so that happens here, and not in a goroutine of Run.
func examine(err error) (stepDown bool) {
	errors.Is(err, errNobodys) // looks at all that err wraps
	return errors.Is(err, ErrStepDown)
}

var errNobodys = errors.New("nobody returns this")

// sound returns an error of the user's, or another one with its text if one of its methods panics.
func sound(err error) (is error) {
	defer func() {
		if p := recover(); p != nil {
			is = fmt.Errorf("%v (a method of this %T panicked: %v)", err, err, p)
		}
	}()
	examine(err)
	return err
}

// excused reports whether a work's error says no more than that the work was told to stop: it is nil, one of the reasons, or
// wraps only these.
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

// same reports whether a == b. It does not panic for errors that cannot be compared.
func same(a, b error) bool {
	return a != nil && b != nil && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// joined joins errors as errors.Join does, but returns a single error as it is.
func joined(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
