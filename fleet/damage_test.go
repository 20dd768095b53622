package fleet_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// troubles collects what the nodes of a fleet report.
type troubles struct {
	mu  sync.Mutex
	all []string
}

func (tr *troubles) option() fleet.Option {
	return fleet.WithObserver(func(e fleet.Event) {
		if e, ok := e.(fleet.TroubleEvent); ok {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			tr.all = append(tr.all, e.Node+": "+e.Doing+": "+e.Err.Error())
		}
	})
}

// require requires that some node has reported this.
func (tr *troubles) require(t *testing.T, says string) {
	t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	require.Contains(t, strings.Join(tr.all, "\n"), says)
}

// inDamagedFleet runs a test of two nodes with six parts each; somebody will edit their records. fleettest checks FS1 and FS2 all the time.
// In the end, all parts are worked on by both nodes again.
func inDamagedFleet(t *testing.T, damage func(t *testing.T, f *fleettest.Fleet, tr *troubles, coordinator, other *fleettest.Node)) {
	t.Helper()
	tr := &troubles{}
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a, b := f.Join("a", fleettest.Wait), f.Join("b", fleettest.Wait)
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
		if b.Status().Coordinates {
			a, b = b, a
		}
		damage(t, f, tr, a, b)
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
		for _, n := range []*fleettest.Node{a, b} {
			require.NoError(t, n.Status().Err)
		}
	}, tr.option())
}

func seatOf(n *fleettest.Node) string { return "ships/seats/" + strconv.Itoa(n.Status().Seat) }

// A seat's value that says nothing of its session: the coordinator reports it, gives the node nothing new, and lets it keep what it has, until
// the node says its own again.
func TestDamage_ASeatsValue(t *testing.T) {
	for name, test := range map[string]struct{ value, says string }{
		"garbage":         {`{"kind":"fleet seat"`, "unexpected end of JSON input"},
		"a newer format":  {`{"kind":"fleet seat","format":99}`, "format is 99"},
		"another session": {"", ""},
		"of a plan":       {`{"kind":"fleet plan","format":1}`, `kind is "fleet plan"`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, who := range []string{"coordinator", "other"} {
				t.Run(who, func(t *testing.T) {
					inDamagedFleet(t, func(t *testing.T, f *fleettest.Fleet, tr *troubles, coordinator, other *fleettest.Node) {
						victim, donor := other, coordinator
						if who == "coordinator" {
							victim, donor = coordinator, other
						}
						value := test.value
						if value == "" {
							for donor.Status().Token == victim.Status().Token { // else the value would seem to be the victim's
								require.NoError(t, donor.Leave())
								donor = f.Join(donor.Name, fleettest.Wait)
								f.Settle()
							}
							info, err := lease.Inspect(t.Context(), f.Store(), seatOf(donor))
							require.NoError(t, err)
							value = info.Value
						}
						overwrite(t, f, seatOf(victim), value)
						begun := f.Begun()
						time.Sleep(2 * interval)
						tr.require(t, test.says)
						f.Settle()
						require.Equal(t, begun, f.Begun(), "it keeps what it has")
					})
				})
			}
		})
	}
}

// The record of a seat that is held disappears: its node finds the seat lost at its next renewal, and takes another one. The coordinator
// believes in the loss once a seat's tokens are greater again, or after a whole lease length, and then reports it.
func TestDamage_ASeatsRecordIsDeleted(t *testing.T) {
	inDamagedFleet(t, func(t *testing.T, f *fleettest.Fleet, tr *troubles, coordinator, other *fleettest.Node) {
		before := other.Status()
		for _, n := range []*fleettest.Node{coordinator, other} {
			n.Store.Forget(seatOf(other))
		}
		time.Sleep(2 * interval)
		now := other.Status()
		require.NotEqual(t, [2]uint64{uint64(before.Seat), before.Token}, [2]uint64{uint64(now.Seat), now.Token})
		time.Sleep(length + 2*interval)
		tr.require(t, "somebody has edited or deleted it")
	})
}

// The records of free seats disappear, and their tokens begin again. Who takes such a seat is given parts after a lease length,
// also under a token that was released before.
func TestDamage_TheRecordsOfFreeSeatsAreDeleted(t *testing.T) {
	for name, terms := range map[string]int{"greater tokens": 3, "the same tokens": 1} {
		t.Run(name, func(t *testing.T) {
			tr := &troubles{}
			inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
				a := f.Join("a", fleettest.Wait)
				f.Settle()
				var free []string
				for k := 1; k <= 4; k++ {
					if k != a.Status().Seat {
						free = append(free, fleet.SeatLease("ships", k))
					}
				}
				for range terms {
					for _, seat := range free {
						l, err := f.Store().Acquire(t.Context(), lease.Request{Name: seat, Holder: "operator", Length: length})
						require.NoError(t, err)
						require.NoError(t, f.Store().Release(t.Context(), l))
					}
				}
				f.Settle()
				b := f.Join("b", fleettest.Wait)
				forget([]*fleettest.Node{a, b}, free...)
				f.Settle()
				require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
				tr.require(t, "somebody has edited or deleted it")
			}, tr.option())
		})
	}
}

// F3a: the record of a seat disappears while its node is cut off, and works on as it may. So a missing record proves nothing at once: only when
// looks over a whole lease length have shown none are the node's parts given to others, and that is reported.
func TestF3a_AMissingRecordIsNoProofAtOnce(t *testing.T) {
	inDamagedFleet(t, func(t *testing.T, f *fleettest.Fleet, tr *troubles, coordinator, other *fleettest.Node) {
		begun := f.Begun()
		other.Store.Set(leadertest.CutOff)
		for _, n := range []*fleettest.Node{coordinator, other} {
			n.Store.Forget(seatOf(other))
		}
		time.Sleep(length - time.Millisecond)
		require.Equal(t, begun, f.Begun(), "the record has been missing for less than a lease length")
		time.Sleep(3 * interval)
		tr.require(t, "somebody has edited or deleted it")
		require.Equal(t, map[string]int{coordinator.Name: 12}, f.Loads())
		other.Store.Set(leadertest.None)
	})
}

// The plan's value is damaged. Nobody replaces it: the coordinator steps down, and all sessions end within a lease length and an interval. An
// operator resets the plan once no seat is held, and the fleet goes on, with greater tokens.
func TestDamage_ThePlanIsNone(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(value string) string
		says   string
	}{
		"truncated":      {func(v string) string { return v[:len(v)/2] }, "unexpected end of JSON input"},
		"a newer format": {func(v string) string { return strings.Replace(v, `"format":1`, `"format":3`, 1) }, "update the program"},
		"one bit":        {func(v string) string { return strings.Replace(v, `"width":4`, `"width":5`, 1) }, "checksum"},
		"of a seat":      {func(v string) string { return strings.Replace(v, "fleet plan", "fleet seat", 1) }, `kind is "fleet seat"`},
	} {
		t.Run(name, func(t *testing.T) {
			inDamagedFleet(t, func(t *testing.T, f *fleettest.Fleet, tr *troubles, coordinator, other *fleettest.Node) {
				info, err := lease.Inspect(t.Context(), f.Store(), "ships")
				require.NoError(t, err)
				bad := test.damage(info.Value)
				overwrite(t, f, "ships", bad)
				time.Sleep(length + 2*interval)
				require.Empty(t, f.Loads(), "F8")
				tr.require(t, test.says)
				for _, n := range []*fleettest.Node{coordinator, other} {
					require.ErrorIs(t, n.Status().Err, lease.ErrRecord)
					require.ErrorContains(t, n.Status().Err, test.says)
				}
				info, err = lease.Inspect(t.Context(), f.Store(), "ships")
				require.NoError(t, err)
				require.Equal(t, bad, info.Value, "F4: never replaced")
				require.NoError(t, fleet.Reset(t.Context(), f.Store(), "ships", 0))
			})
		})
	}
}

// F4: a plan that nobody understands bars the nodes from the office while it stands. When it is gone, they go on by themselves, with greater tokens.
func TestDamage_ThePlanThatWasNoneIsGone(t *testing.T) {
	for name, remove := range map[string]func(t *testing.T, f *fleettest.Fleet, nodes []*fleettest.Node){
		"the value is cleared": func(t *testing.T, f *fleettest.Fleet, _ []*fleettest.Node) {
			m := f.Store()
			l, err := m.Acquire(t.Context(), lease.Request{Name: "ships", Holder: "operator", Length: length})
			require.NoError(t, err)
			l.Value, l.ValueNumber = "", 1
			require.NoError(t, m.Release(t.Context(), l))
		},
		"the record is deleted": func(_ *testing.T, _ *fleettest.Fleet, nodes []*fleettest.Node) { forget(nodes, "ships") },
	} {
		t.Run(name, func(t *testing.T) {
			inDamagedFleet(t, func(t *testing.T, f *fleettest.Fleet, _ *troubles, coordinator, other *fleettest.Node) {
				before := coordinator.Status().Epoch
				overwrite(t, f, "ships", `{"kind":"fleet plan","format":99}`)
				f.Settle()
				require.Empty(t, f.Loads(), "F8")
				remove(t, f, []*fleettest.Node{coordinator, other})
				f.Settle()
				require.Greater(t, coordinator.Status().Epoch, before)
			})
		})
	}
}

// The plan is one from long ago: nobody goes backwards, and the coordinator puts its own in place again.
func TestDamage_ThePlanIsOld(t *testing.T) {
	for _, dies := range []bool{false, true} {
		t.Run("the coordinator dies: "+strconv.FormatBool(dies), func(t *testing.T) {
			inDamagedFleet(t, func(t *testing.T, f *fleettest.Fleet, tr *troubles, coordinator, other *fleettest.Node) {
				old, err := lease.Inspect(t.Context(), f.Store(), "ships")
				require.NoError(t, err)
				require.NoError(t, other.Leave())
				f.Settle()
				f.Join(other.Name, fleettest.Wait)
				f.Settle()
				now, err := fleet.Inspect(t.Context(), f.Store(), "ships")
				require.NoError(t, err)
				overwrite(t, f, "ships", old.Value)
				if dies {
					coordinator.Crash()
					f.Join(coordinator.Name, fleettest.Wait)
				}
				f.Settle()
				tr.require(t, "not of the chain")
				then, err := fleet.Inspect(t.Context(), f.Store(), "ships")
				require.NoError(t, err)
				require.Greater(t, then.Epoch, now.Epoch)
			})
		})
	}
}

// The record of the office disappears, and the plan with it.
func TestDamage_TheOfficeIsDeleted(t *testing.T) {
	inDamagedFleet(t, func(t *testing.T, f *fleettest.Fleet, tr *troubles, coordinator, other *fleettest.Node) {
		for _, n := range []*fleettest.Node{coordinator, other} {
			n.Store.Forget("ships")
		}
		for i := range 3 {
			n := f.Join("new"+strconv.Itoa(i), fleettest.Wait)
			n.Store.Forget("ships")
			f.Settle()
			require.NoError(t, n.Leave())
		}
		tr.require(t, "not of the chain")
	})
}
