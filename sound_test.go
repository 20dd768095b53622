package leader_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// wrapping is an error type as many have it. A nil pointer to one in an error is not nil, and its methods panic.
type wrapping struct{ inner error }

func (e *wrapping) Error() string { return e.inner.Error() }
func (e *wrapping) Unwrap() error { return e.inner }

// picky is an error that panics when it is asked what it is.
type picky struct{}

func (picky) Error() string { return "picky" }
func (picky) Is(error) bool { panic("do not ask") }

// unsound are errors whose methods panic.
var unsound = map[string]error{"a nil pointer": (*wrapping)(nil), "Is panics": picky{}}

// Run 3: a panic in a method of the work's error is the work's.
func TestRun3_AnErrorThatPanics(t *testing.T) {
	for name, bad := range unsound {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				goOn := make(chan struct{})
				a := w.nodeDoing("a", func(context.Context) error { <-goOn; return bad })
				panicked := make(chan any)
				a.runs(func(ctx context.Context) error {
					defer func() { panicked <- recover() }()
					return a.Run(ctx)
				})
				term := a.leads()
				close(goOn)
				assert.NotNil(t, <-panicked)
				<-a.done
				assert.ErrorIs(t, term.Check(), lease.ErrLost)
				assert.Equal(t, lease.Free, w.look().State)
				begun := time.Now()
				ctx, cancel := context.WithTimeout(background, time.Hour)
				defer cancel()
				assert.NoError(t, a.StepDown(ctx))
				assert.Zero(t, time.Since(begun))
				var last leader.StateEvent
				countEvents(a, func(e leader.Event) bool {
					if state, ok := e.(leader.StateEvent); ok {
						last = state
					}
					return false
				})
				assert.Equal(t, leader.Idle, last.To)
				assert.ErrorContains(t, last.Cause, "leader: the work panicked: ")
			})
		})
	}
}

// failing is a manager whose renewals fail with an error, if one is set.
type failing struct {
	lease.Manager
	err atomic.Pointer[error]
}

func (m *failing) Unwrap() lease.Manager { return m.Manager }

func (m *failing) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	if err := m.err.Load(); err != nil {
		return held, *err
	}
	return m.Manager.Renew(ctx, held)
}

// Other errors of the user's whose methods panic are told by their text. Nothing panics, neither in Run nor in the log or an observer.
func TestErrorsThatPanic(t *testing.T) {
	for name, bad := range unsound {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				m := &failing{Manager: lease.NewManager(w.store)}
				a := w.node("a", quiet(), leader.WithLeaseManager(m)).run()
				a.leads()
				a.health.Store(&bad)
				assert.ErrorIs(t, <-a.stopped, leader.ErrUnhealthy)
				assert.ErrorContains(t, a.Status().Health, "panicked: ")
				assert.NotErrorIs(t, a.Status().Health, lease.ErrLost)
				a.health.Store(nil)
				a.leads()
				m.err.Store(&bad)
				assert.ErrorIs(t, <-a.stopped, lease.ErrLost)
				assert.NotErrorIs(t, a.Status().Err, lease.ErrLost)
				m.err.Store(nil)
				a.leads()
				a.cancel(bad)
				<-a.result
				synctest.Wait()
				assert.Equal(t, 1, countEvents(a, func(e leader.Event) bool {
					state, ok := e.(leader.StateEvent)
					return ok && !errors.Is(state.Cause, errLost) && state.To == leader.Idle
				}))

				b := w.node("b", leader.WithHeartbeat(every, func(context.Context, bool) error { return bad })).run()
				require.ErrorContains(t, <-b.result, "panicked: ")
			})
		})
	}
}
