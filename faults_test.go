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

// A store that is slow: every request takes as long as a request may.
func TestFault_SlowStore(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.node("a"), w.node("b")
		slow := func(q request) {
			time.Sleep(2 * time.Second)
			q.send()
			time.Sleep(2 * time.Second)
		}
		a.link.set(slow)
		b.link.set(slow)
		a.run().leads()
		b.run()
		time.Sleep(10 * time.Minute)
		assert.Empty(t, a.stopped, "no loss: %s", w.story())
		require.NoError(t, a.stop())
		stopped := time.Now()
		b.leads()
		assert.LessOrEqual(t, time.Since(stopped), every+8*time.Second, "L1: one interval and one request")
	})
}

// One request in three hangs until its context ends.
func TestFault_HangsNowAndThen(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		var n atomic.Int32
		a.link.set(func(q request) {
			if n.Add(1)%3 != 0 {
				hang(q)
				return
			}
			q.send()
		})
		time.Sleep(10 * time.Minute)
		assert.Empty(t, a.stopped, "two attempts that hang leave room for a third: %s", w.story())
		assert.Greater(t, n.Load(), int32(100))
	})
}

// R4: a renewal that hangs, even past its context's end, does not keep the next from beginning.
func TestFault_ManagerIgnoresItsContext(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		a := w.node("a").run()
		a.leads()
		began := time.Now()
		var n atomic.Int32
		a.link.set(func(q request) {
			if n.Add(1) == 1 {
				<-goOn
			}
			q.send()
		})
		time.Sleep(time.Minute)
		assert.Empty(t, a.stopped, "%s", w.story())
		assert.Equal(t, time.Minute, time.Since(began))
		close(goOn)
	})
}

// If all requests hang for ever, they do not pile up, the term ends in time, and Run ends.
func TestFault_ManagerIsStuck(t *testing.T) {
	inWorld(t, func(w *world) {
		goOn := make(chan struct{})
		a := w.node("a").run()
		term := a.leads()
		var stuck atomic.Int32
		a.link.set(func(q request) { stuck.Add(1); <-goOn; *q.err = errLost })
		began := time.Now()
		<-a.stopped
		assert.Equal(t, usable, time.Since(began))
		assert.Error(t, term.Check())
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, stuck.Load(), int32(4))
		assert.NoError(t, a.stop())
		close(goOn)
	})
}

// The store fails for a while: longer than a poll, shorter than a lease.
func TestFault_FailsForAWhile(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		for range 20 {
			a.link.set(cut)
			time.Sleep(8 * time.Second)
			a.link.set(nil)
			time.Sleep(7 * time.Second)
		}
		assert.Empty(t, a.stopped, "%s", w.story())
		assert.Positive(t, countEvents(a, func(e leader.Event) bool {
			r, ok := e.(leader.RequestEvent)
			return ok && r.Op == leader.OpRenew && errors.Is(r.Err, errLost)
		}))
	})
}

// R4: answers of writes that happened are lost, for ever at the renewal that follows. No early loss.
func TestFault_LostAnswers(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		b := w.node("b").run()
		var n atomic.Int32
		a.link.set(func(q request) {
			if n.Add(1)%4 == 1 { // the write; what follows are the conflict, a look and a write that is heard of
				loseAnswers(q)
				return
			}
			q.send()
		})
		time.Sleep(10 * time.Minute)
		assert.Empty(t, a.stopped, "%s", w.story())
		assert.Empty(t, b.started)
	})
}

// R6: the answer of the acquisition is lost. Nobody leads by it, and nobody waits for it to run out.
func TestFault_LostAnswerOfTheAcquisition(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a")
		lost := false
		a.link.set(func(q request) {
			if q.op == "swap" && !lost {
				lost = true
				loseAnswers(q)
				return
			}
			q.send()
		})
		begun := time.Now()
		assert.EqualValues(t, 2, a.run().leads().Token())
		assert.LessOrEqual(t, time.Since(begun), every)
	})
}

// A renewal that timed out is applied later: before the term's end, after it, and after the release.
func TestFault_LateRenewal(t *testing.T) {
	for name, c := range map[string]struct {
		late time.Duration
		stop bool
	}{
		"while it still leads":  {late: 6 * time.Second},
		"after the deadline":    {late: 14 * time.Second},
		"after a release":       {late: 7 * time.Second, stop: true},
		"after somebody's term": {late: 40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.node("a").run()
				a.leads()
				b := w.node("b").run()
				down := c.late > 7*time.Second
				var sent atomic.Bool
				a.link.set(func(q request) {
					switch {
					case q.op == "swap" && sent.CompareAndSwap(false, true):
						time.AfterFunc(c.late, q.send)
						fallthrough
					case down:
						hang(q)
					default:
						q.send()
					}
				})
				time.Sleep(every + time.Second)
				if c.stop {
					a.cancel(nil)
				}
				time.Sleep(2 * time.Minute)
				// That at no time two led, the world has watched.
				switch {
				case c.stop:
					b.leads()
				case down:
					b.leads()
					assert.NotEmpty(t, a.stopped)
				default:
					assert.Empty(t, a.stopped, "%s", w.story())
				}
			})
		})
	}
}

// R6: the release's answer is lost, or it fails for a while.
func TestFault_Release(t *testing.T) {
	for name, fault := range map[string]func(n int, q request){
		"answer lost": func(n int, q request) {
			if n == 1 {
				loseAnswers(q)
				return
			}
			q.send()
		},
		"hangs": func(n int, q request) {
			if n == 1 {
				hang(q)
				return
			}
			q.send()
		},
		"fails twice": func(n int, q request) {
			if n <= 2 {
				cut(q)
				return
			}
			q.send()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.node("a").run()
				a.leads()
				n := 0
				a.link.set(func(q request) { n++; fault(n, q) })
				assert.NoError(t, a.stop())
				assert.Equal(t, lease.Free, w.look().State)
			})
		})
	}
	t.Run("no store", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a").run()
			a.leads()
			a.link.set(cut)
			stopped := time.Now()
			assert.NoError(t, a.stop())
			assert.LessOrEqual(t, time.Since(stopped), every, "it tries for a renew interval")
		})
	})
}

// R6: an acquisition whose call does not return in time is nobody's, and if it gets the lease after all, it gives it
// back.
func TestFault_StuckAcquisition(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a")
		var swaps atomic.Int32
		a.link.set(func(q request) {
			switch {
			case q.op == "load":
				q.send()
			case swaps.Add(1) == 1:
				time.Sleep(time.Minute) // whatever its context says
				q.send()
			case swaps.Load() < 3:
				cut(q)
			default:
				q.send()
			}
		})
		begun := time.Now()
		a.run()
		time.Sleep(11 * time.Second)
		a.link.set(cut) // and it cannot try again meanwhile
		time.Sleep(time.Minute - time.Since(begun) - 1)
		a.link.set(nil)
		assert.EqualValues(t, 2, a.leads().Token(), "%s", w.story())
		assert.LessOrEqual(t, time.Since(begun), time.Minute+every)
	})
}

// R7: a release waits for the renewal that is in flight, and then meets no conflict; and what was found lost is not
// released.
func TestFault_ReleaseSendsNoMoreThanItMust(t *testing.T) {
	t.Run("renewal in flight", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.nodeDoing("a", func(context.Context) error { time.Sleep(every + time.Second); return nil })
			a.link.set(func(q request) {
				if q.op == "swap" {
					time.Sleep(2 * time.Second)
				}
				q.send()
			})
			assert.NoError(t, a.Run(a.context()))
			loads, swaps := a.link.counts()
			assert.Equal(t, [2]int{1, 3}, [2]int{loads, swaps}, "acquisition, renewal, release")
		})
	})
	t.Run("found lost", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.node("a").run()
			a.leads()
			w.force("other", false)
			<-a.stopped
			synctest.Wait()
			loads, swaps := a.link.counts()
			assert.Equal(t, [2]int{3, 2}, [2]int{loads, swaps}, "acquisition; renewal, and a look at why it failed; a poll")
		})
	})
}

// R8: an answer that comes after the term's end revives nothing, whatever it says of the lease.
func TestFault_AnswerAfterTheEnd(t *testing.T) {
	for name, before := range map[string]func(a *node, ctx context.Context){
		"of a renewal": func(*node, context.Context) {},
		"with a value": func(a *node, ctx context.Context) { assert.NoError(a.w, leader.SetValue(ctx, "x")) },
		"with a wish":  func(a *node, _ context.Context) { a.w.asks("b") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, ready, goOn := (*node)(nil), make(chan struct{}), make(chan struct{})
				a = w.nodeDoing("a", func(ctx context.Context) error {
					before(a, ctx)
					a.link.set(hang)
					close(ready)
					<-ctx.Done()
					time.Sleep(time.Hour)
					return nil
				})
				a.run()
				term := a.leads()
				<-ready
				time.Sleep(2 * every)
				a.link.set(func(q request) { // the last renewal is stored, and answered too late
					if q.send(); q.op == "swap" && *q.err == nil {
						<-goOn
					}
				})
				time.Sleep(usable - 2*every)
				synctest.Wait()
				assert.ErrorIs(t, term.Check(), lease.ErrLost)
				close(goOn)
				ctx, cancel := context.WithTimeoutCause(background, time.Minute, errors.New("nobody leads"))
				defer cancel()
				_, err := a.WaitForLeader(ctx)
				assert.EqualError(t, err, "nobody leads")
				assert.Equal(t, lease.Expired, a.Status().Seen.State)
				assert.ErrorIs(t, term.Check(), lease.ErrLost)
				assert.Len(t, a.started, 0, "and it does not lead again while that work runs")
			})
		})
	}
}

// R8: the deadline has passed when Acquire returns, as the machine slept meanwhile.
func TestFault_AcquiredTooLate(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a")
		first := true
		a.link.set(func(q request) {
			q.send()
			if q.op == "swap" && first {
				first = false
				go func() {
					time.Sleep(usable)
					a.machine.Resume()
				}()
				a.machine.Suspend()
			}
		})
		a.run()
		assert.EqualValues(t, 2, a.leads().Token(), "the first term was released, not begun")
		assert.Len(t, a.stopped, 0)
	})
}

func countEvents(n *node, which func(leader.Event) bool) (count int) {
	for {
		select {
		case e := <-n.events:
			if which(e) {
				count++
			}
		default:
			return count
		}
	}
}
