package lease_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// set is the lease with its next value.
func set(l lease.Lease, value string) lease.Lease {
	l.Value = value
	l.ValueNumber++
	return l
}

// keep renews the lease with its next value.
func (n *node) keep(t testing.TB, l lease.Lease, value string) lease.Lease {
	t.Helper()
	l, err := n.renew(set(l, value))
	require.NoError(t, err)
	require.Equal(t, value, l.Value)
	return l
}

// However a lease is left, the next one to hold it inherits its value.
func TestV1_EachAcquisitionInheritsTheValue(t *testing.T) {
	for how, leave := range map[string]func(t *testing.T, holder, standby *node, held lease.Lease){
		"released": func(t *testing.T, holder, _ *node, held lease.Lease) {
			require.NoError(t, holder.release(held))
		},
		"expired": func(_ *testing.T, _, standby *node, _ lease.Lease) { standby.scriptLoads(aged(length)) },
		"broken": func(t *testing.T, holder, standby *node, _ lease.Lease) {
			require.NoError(t, lease.Break(t.Context(), holder.manager, holder.stored(t)))
			require.Equal(t, "kept", holder.stored(t).Value)
			standby.scriptLoads(aged(length))
		},
		"left by an acquisition that failed": func(t *testing.T, holder, standby *node, held lease.Lease) {
			require.NoError(t, holder.release(held))
			standby.script(lostAnswer)
			_, err := standby.acquire()
			require.ErrorIs(t, err, errDown)
			require.Equal(t, "kept", holder.stored(t).Value, "the release that undoes it has the value, too")
		},
		"left by an acquisition that lands late": func(t *testing.T, holder, standby *node, held lease.Lease) {
			require.NoError(t, holder.release(held))
			standby.script(standby.later)
			_, err := standby.acquire()
			require.ErrorIs(t, err, errDown)
			standby.land()
		},
		"taken by another node, and left, during the acquisition": func(t *testing.T, holder, standby *node, held lease.Lease) {
			require.NoError(t, holder.release(held))
			standby.script(after(func() {
				between := holder.mustAcquire(t)
				require.NoError(t, holder.release(holder.keep(t, between, "kept")))
			}))
		},
	} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
				value := "kept"
				if strings.HasPrefix(how, "taken") {
					value = "older"
				}
				leave(t, holder, standby, holder.keep(t, held, value))
				next := standby.mustAcquire(t)
				require.Equal(t, "kept", next.Value)
				require.Zero(t, next.ValueNumber)
				require.Equal(t, "kept", holder.stored(t).Value)
			})
		})
	}
}

func TestV2_EveryWriteCarriesTheValue(t *testing.T) {
	inTrouble(t, func(t *testing.T, trouble trouble, holder, standby *node, held lease.Lease) {
		next := set(held, "new")
		cancel := holder.meet(trouble)
		_, _ = holder.renew(next)
		cancel()
		require.NoError(t, holder.release(next))
		require.Equal(t, "new", holder.stored(t).Value)
		holder.land()
		require.Equal(t, "new", holder.stored(t).Value, "nor does a write that lands late take it back")
		require.Equal(t, "new", standby.mustAcquire(t).Value)
	})
}

// A renewal that was given up lands after the next one was sent, or before: the later change stays.
func TestV3_ValuesGoForward(t *testing.T) {
	for when, land := range map[string]func(n *node){
		"before the write": func(n *node) { n.script(after(n.land)) },
		"between the look and the second write": func(n *node) {
			n.script(undecided, after(n.land))
		},
	} {
		for _, write := range []string{"renewal", "release"} {
			for _, value := range []string{"newer", ""} { // a value that was removed does not come back
				t.Run(fmt.Sprintf("%s: %s: %q", write, when, value), func(t *testing.T) {
					inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
						older, newer := set(held, "older"), set(set(held, "older"), value)
						newer.Attributes = map[string]string{"of": "newer"}
						holder.script(holder.later)
						_, err := holder.renew(newer)
						require.ErrorIs(t, err, errDown)
						land(holder)
						if write == "release" {
							require.NoError(t, holder.release(older))
						} else {
							got, err := holder.renew(older)
							require.NoError(t, err)
							require.Equal(t, []any{value, newer.ValueNumber, newer.Attributes}, []any{got.Value, got.ValueNumber, got.Attributes})
						}
						stored := holder.stored(t)
						require.Equal(t, value, stored.Value)
						require.Equal(t, newer.Attributes, stored.Attributes)
					})
				})
			}
		}
	}
}

// The later change wins over an earlier one that lands first, too.
func TestV3_AnOlderValueThatLandsFirstGivesWay(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		older := set(held, "older")
		holder.script(holder.later)
		_, err := holder.renew(older)
		require.ErrorIs(t, err, errDown)
		holder.script(after(holder.land))
		holder.keep(t, older, "newer")
		require.Equal(t, "newer", holder.stored(t).Value)
	})
}

// A program that does not know values cannot read a record with one, and so cannot drop it.
func TestFormatOfARecordWithAValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells := memory.NewStore()
		n := newNode(t.Context(), cells)
		format := func() string {
			s, err := cells.Load(t.Context(), "orders")
			require.NoError(t, err)
			format, _, _ := strings.Cut(string(s.Data), ",")
			return format
		}
		held := n.mustAcquire(t)
		require.Equal(t, `{"format":1`, format())
		held = n.keep(t, held, "a value")
		require.Equal(t, `{"format":2`, format())
		require.NoError(t, n.release(n.keep(t, held, "")))
		require.Equal(t, `{"format":1`, format(), "a value that was cleared lets the older programs in again")
	})
}

func TestValuesThatDoNotFit(t *testing.T) {
	limits := lease.LimitsOf(lease.NewManager(memory.NewStore()))
	for _, good := range []string{"", "x", strings.Repeat("x", limits.MaxValue), strings.Repeat("<", limits.MaxValue)} {
		require.NoError(t, limits.CheckValue(good))
	}
	for value, says := range map[string]string{
		strings.Repeat("x", limits.MaxValue+1): "49153 bytes, more than 49152",
		"\xff":                                 "not UTF-8",
		strings.Repeat("\x01", limits.MaxValue/5): "58982 bytes in JSON, more than 53248",
	} {
		err := limits.CheckValue(value)
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, says)
	}
	err := lease.Limits{}.CheckValue("")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorIs(t, err, lease.ErrInvalid)
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t.Context(), memory.NewStore())
		held := n.mustAcquire(t)
		n.sent()
		_, err := n.renew(set(held, "\xff"))
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.Equal(t, "0 loads, 0 swaps", n.sent(), "nothing is sent")
	})
}

// A record of a newer program is not to be removed: its successor would begin with token 1.
func TestANewerFormatIsLeftAsItIs(t *testing.T) {
	store := memory.NewStore()
	record := strings.Replace(aRecord, `"format":1`, `"format":3`, 1)
	_, err := store.Swap(t.Context(), "orders", "", []byte(record))
	require.NoError(t, err)
	_, err = lease.Inspect(t.Context(), lease.NewManager(store), "orders")
	require.ErrorIs(t, err, lease.ErrRecord)
	require.ErrorIs(t, err, lease.ErrNewer)
	require.ErrorContains(t, err, "this program reads up to 2: update the program")
	require.NotContains(t, err.Error(), "remove")
}
