package hosttest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
)

// passed returns the time that each clock of the machine shows while something happens.
func passed(m *hosttest.Machine, happens func()) host.Reading {
	before := m.Read()
	happens()
	after := m.Read()
	return host.Reading{Mono: after.Mono - before.Mono, Wall: after.Wall - before.Wall, Boot: after.Boot - before.Boot}
}

func TestClocks(t *testing.T) {
	const h = time.Hour
	tests := []struct {
		what      string
		bootClock bool
		happens   func(m *hosttest.Machine)
		passed    host.Reading
	}{
		{"awake", true, func(*hosttest.Machine) { time.Sleep(h) }, host.Reading{Mono: h, Wall: h, Boot: h}},
		{"awake, no boot clock", false, func(*hosttest.Machine) { time.Sleep(h) }, host.Reading{Mono: h, Wall: h}},
		{"asleep", true, func(m *hosttest.Machine) { m.Suspend(); time.Sleep(h) }, host.Reading{Wall: h, Boot: h}},
		{"asleep, no boot clock", false, func(m *hosttest.Machine) { m.Suspend(); time.Sleep(h) }, host.Reading{Wall: h}},
		{"asleep and awake again", true, func(m *hosttest.Machine) {
			m.Suspend()
			time.Sleep(h)
			m.Resume()
			time.Sleep(h)
		}, host.Reading{Mono: h, Wall: 2 * h, Boot: 2 * h}},
		{"asleep twice", true, func(m *hosttest.Machine) {
			for range 2 {
				m.Suspend()
				m.Suspend() // which changes nothing
				time.Sleep(h)
				m.Resume()
				m.Resume()
				time.Sleep(h)
			}
		}, host.Reading{Mono: 2 * h, Wall: 4 * h, Boot: 4 * h}},
		{"stepped", true, func(m *hosttest.Machine) {
			m.StepWall(-3 * h)
			time.Sleep(h)
			m.StepWall(h)
		}, host.Reading{Mono: h, Wall: -h, Boot: h}},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Minute)
				m := hosttest.New(test.bootClock)
				time.Sleep(time.Minute)
				require.Equal(t, test.passed, passed(m, func() { test.happens(m) }))
			})
		})
	}
}

func TestNowIsTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(true)
		require.True(t, m.Now().Equal(time.Now()))
		m.StepWall(time.Hour)
		require.True(t, m.Now().Equal(time.Now().Add(time.Hour)))
		require.Equal(t, m.Read().Wall, time.Duration(m.Now().UnixNano()))
	})
}

// fired reports whether the timer's function has been called.
func fired(called <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-called:
		return true
	default:
		return false
	}
}

func after(m *hosttest.Machine, d time.Duration) (host.Timer, <-chan struct{}) {
	called := make(chan struct{})
	return m.AfterFunc(d, func() { close(called) }), called
}

func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(true)
		timer, called := after(m, time.Minute)
		time.Sleep(time.Minute - 1)
		require.False(t, fired(called))
		time.Sleep(time.Nanosecond)
		require.True(t, fired(called))
		require.False(t, timer.Stop(), "it was too late")

		timer, called = after(m, time.Minute)
		m.StepWall(time.Hour)
		require.False(t, fired(called), "the wall clock is not asked")
		require.True(t, timer.Stop())
		require.False(t, timer.Stop())
		time.Sleep(time.Hour)
		require.False(t, fired(called))

		_, called = after(m, -time.Minute)
		time.Sleep(time.Nanosecond)
		require.True(t, fired(called))
	})
}

func TestTimersSleepWithTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(true)
		_, called := after(m, time.Minute)
		stopped, never := after(m, time.Minute)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		m.Suspend()
		_, set := after(m, 10*time.Second)
		time.Sleep(time.Hour)
		require.False(t, fired(called))
		require.False(t, fired(set), "also one that was set meanwhile")
		require.True(t, stopped.Stop())
		m.Resume()
		time.Sleep(10*time.Second - 1)
		require.False(t, fired(set))
		time.Sleep(time.Nanosecond)
		require.True(t, fired(set))
		time.Sleep(30*time.Second - 1)
		require.False(t, fired(called))
		time.Sleep(time.Nanosecond)
		require.True(t, fired(called))
		require.False(t, fired(never))
	})
}

func TestAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(true)
		require.True(t, fired(m.Awake()))
		m.Suspend()
		asleep := m.Awake()
		require.False(t, fired(asleep))
		m.Resume()
		require.True(t, fired(asleep))
		require.True(t, fired(m.Awake()))
		m.Suspend()
		require.True(t, fired(asleep), "it was awake meanwhile")
		require.False(t, fired(m.Awake()))
	})
}

// Every acquisition has a new ID, also on two machines of one test.
func TestMachinesDrawDifferentNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drawn := map[uint64]bool{}
		for range 3 {
			m := hosttest.New(true)
			for range 2 {
				drawn[m.Uint64()] = true
			}
		}
		require.Len(t, drawn, 6)
	})
}
