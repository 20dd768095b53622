package lease_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// inBubble runs the test in virtual time, with a holder that has just acquired and a standby that knows nothing yet.
func inBubble(t *testing.T, test func(t *testing.T, holder, standby *node, held lease.Lease)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cells := memory.NewStore()
		holder, standby := newNode(t.Context(), cells), newNode(t.Context(), cells)
		test(t, holder, standby, holder.mustAcquire(t))
	})
}

func TestR1_ReleasedIsFreeAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		standby.refused(t)
		require.NoError(t, holder.release(held))
		begun := time.Now()
		standby.mustAcquire(t)
		require.Zero(t, time.Since(begun))
	})
}

func TestR1_WatchedForTheFullLength(t *testing.T) {
	inBubble(t, func(t *testing.T, _, standby *node, held lease.Lease) {
		time.Sleep(3 * length) // however old the record is already: the standby has not watched it
		info := standby.refused(t)
		require.Equal(t, lease.Held, info.State)
		require.Equal(t, length, info.RetryAfter)
		require.Equal(t, held.ID, info.ID)
		time.Sleep(length - 1)
		require.Equal(t, time.Duration(1), standby.refused(t).RetryAfter)
		time.Sleep(time.Nanosecond)
		standby.mustAcquire(t)
	})
}

func TestR1_CountedFromAfterTheAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, _, standby *node, _ lease.Lease) {
		standby.scriptLoads(slowly(4 * time.Second))
		require.Equal(t, length, standby.refused(t).RetryAfter)
		time.Sleep(length - 4*time.Second) // the length is over since the request, not since the answer
		require.Equal(t, 4*time.Second, standby.refused(t).RetryAfter)
		time.Sleep(4 * time.Second)
		standby.mustAcquire(t)
	})
}

func TestR1_RenewalBeginsTheWatchAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		standby.refused(t)
		time.Sleep(length - time.Second)
		_, err := holder.renew(held)
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.Equal(t, length, standby.refused(t).RetryAfter)
		time.Sleep(length - 1)
		standby.refused(t)
		time.Sleep(time.Nanosecond)
		standby.mustAcquire(t)
	})
}

func TestR1_OwnWriteCountsAsSeen(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		time.Sleep(length / 2)
		holder.script(slow(3 * time.Second))
		_, err := holder.renew(held)
		require.NoError(t, err)
		time.Sleep(length - 1)
		require.Equal(t, time.Duration(1), holder.refused(t).RetryAfter, "counted from the answer, not from the request")
		time.Sleep(time.Nanosecond)
		holder.mustAcquire(t)
	})
}

func TestR1_OwnAcquisitionCountsAsSeen(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, _ lease.Lease) {
		time.Sleep(length)
		holder.mustAcquire(t)
	})
}

func TestR1_InspectAndListCountAsSeen(t *testing.T) {
	looks := map[string]func(t *testing.T, n *node){
		"Inspect": func(t *testing.T, n *node) {
			_, err := lease.Inspect(n.ctx, n.manager, name)
			require.NoError(t, err)
		},
		"List": func(t *testing.T, n *node) {
			for info, err := range lease.List(n.ctx, n.manager, "") {
				require.NoError(t, err)
				require.Equal(t, name, info.Name)
			}
		},
	}
	for what, look := range looks {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, _, standby *node, _ lease.Lease) {
				look(t, standby)
				time.Sleep(length - 1)
				standby.refused(t)
				time.Sleep(time.Nanosecond)
				standby.mustAcquire(t)
			})
		})
	}
}

func TestR1_StandbyRoundsDown(t *testing.T) {
	const hour = time.Hour
	tests := map[string]func(m *hosttest.Machine){
		"suspended":                        func(m *hosttest.Machine) { m.Suspend(); time.Sleep(hour); m.Resume() },
		"wall clock stepped forward":       func(m *hosttest.Machine) { m.StepWall(hour) },
		"wall clock stepped back":          func(m *hosttest.Machine) { m.StepWall(-hour) },
		"wall clock in another millennium": func(m *hosttest.Machine) { m.StepWall(math.MaxInt64 / 2) },
	}
	for what, happens := range tests {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cells, machine := memory.NewStore(), hosttest.New(true)
				newNode(t.Context(), cells).mustAcquire(t)
				standby := newNode(host.With(t.Context(), machine), cells)
				standby.refused(t)
				time.Sleep(length / 2)
				happens(machine)
				require.Equal(t, length/2, standby.refused(t).RetryAfter)
				time.Sleep(length/2 - 1)
				standby.refused(t)
				time.Sleep(time.Nanosecond)
				standby.mustAcquire(t)
			})
		})
	}
}

func TestR1_HoldersWallClockDecidesNothing(t *testing.T) {
	for _, wrong := range []time.Duration{-100 * 365 * 24 * time.Hour, -time.Hour, time.Hour, 100 * 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			cells, machine := memory.NewStore(), hosttest.New(false)
			machine.StepWall(wrong)
			newNode(host.With(t.Context(), machine), cells).mustAcquire(t)
			standby := newNode(t.Context(), cells)
			require.Equal(t, length, standby.refused(t).RetryAfter)
			time.Sleep(length - 1)
			standby.refused(t)
			time.Sleep(time.Nanosecond)
			standby.mustAcquire(t)
		})
	}
}

func TestR1_AgeProves(t *testing.T) {
	tests := []struct {
		what string
		age  time.Duration
		wait time.Duration
	}{
		{"all of it", length, 0},
		{"more than that", 2 * length, 0},
		{"absurdly much", math.MaxInt64, 0},
		{"all but a nanosecond", length - 1, 1},
		{"a part", 6 * time.Second, 4 * time.Second},
		{"nothing", 0, length},
		{"nothing, with a clock that runs backward", -time.Hour, length},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, _, standby *node, _ lease.Lease) {
				standby.scriptLoads(aged(test.age))
				if test.wait > 0 {
					require.Equal(t, test.wait, standby.refused(t).RetryAfter)
					time.Sleep(test.wait - 1)
					standby.refused(t) // without an age, what was proved stays proved
					time.Sleep(time.Nanosecond)
				}
				standby.mustAcquire(t)
			})
		})
	}
}

func TestR1_AgeIsShown(t *testing.T) {
	for age, shown := range map[time.Duration]time.Duration{
		6 * time.Second: 6 * time.Second,
		math.MaxInt64:   100 * 365 * 24 * time.Hour, // as far back as is counted
	} {
		inBubble(t, func(t *testing.T, _, standby *node, held lease.Lease) {
			standby.scriptLoads(aged(age))
			info, err := lease.Inspect(standby.ctx, standby.manager, name)
			require.NoError(t, err)
			require.Equal(t, shown, info.Age)
			if age > length {
				require.Equal(t, lease.Expired, info.State)
				require.Zero(t, info.RetryAfter)
			}
			require.Equal(t, held.Token, info.Token)
		})
	}
}

func TestR1_TheRecordsLengthCounts(t *testing.T) {
	for _, asked := range []time.Duration{time.Second, length, time.Hour} {
		inBubble(t, func(t *testing.T, _, standby *node, _ lease.Lease) {
			acquire := func() error {
				_, err := standby.manager.Acquire(standby.ctx, lease.Request{Name: name, Holder: "worker", Length: asked})
				return err
			}
			require.ErrorIs(t, acquire(), lease.ErrHeld)
			time.Sleep(length - 1)
			require.ErrorIs(t, acquire(), lease.ErrHeld)
			time.Sleep(time.Nanosecond)
			require.NoError(t, acquire())
		})
	}
}

func TestR1_OfTwoStandbysOneTakesOver(t *testing.T) {
	inBubble(t, func(t *testing.T, _, standby *node, held lease.Lease) {
		other := newNode(t.Context(), standby.store)
		standby.refused(t)
		other.refused(t)
		time.Sleep(length)
		standby.script(after(func() { other.mustAcquire(t) })) // between the standby's read and its write
		info := standby.refused(t)
		require.Equal(t, held.Token+1, info.Token)
		require.Equal(t, length, info.RetryAfter, "the new holder is watched from now")
	})
}

func TestR1_AnExpiredLeaseIsShownSo(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		look := func() lease.Info {
			info, err := lease.Inspect(context.Background(), standby.manager, name)
			require.NoError(t, err)
			return info
		}
		require.Equal(t, lease.Held, look().State)
		time.Sleep(length)
		require.Equal(t, lease.Expired, look().State)
		require.NoError(t, holder.release(held))
		free := look()
		require.Equal(t, lease.Free, free.State)
		require.Equal(t, held.ID, free.ID)
		require.Equal(t, held.Token, free.Token)
		require.Zero(t, free.RetryAfter)
	})
}
