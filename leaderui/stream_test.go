package leaderui_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// A browser gets everything once, and then what has changed alone: for a renewal a number, for a new holder a row.
func TestStream_SendsWhatChanges(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		leases := map[string]lease.Lease{}
		for i := range 50 {
			name := fmt.Sprintf("lease-%02d", i)
			leases[name] = w.acquire(name, "node-a", time.Minute)
		}
		w.page("/")
		patches, leave := w.follow("/events")
		defer leave()
		time.Sleep(time.Second)
		first := <-patches
		require.Len(w, first.List["leases"], 50)
		for _, id := range first.List["leases"] {
			require.Contains(w, first.Set[id], `id="`+id+`"`)
		}
		time.Sleep(20 * time.Second)
		for len(patches) > 0 {
			p := <-patches
			require.Empty(w, p.Left, "nothing was renewed")
			require.LessOrEqual(w, len(p.Set), 1, "the pulse alone: %v", p.Set)
			require.Empty(w, p.List)
		}
		for name, l := range leases {
			renewed, err := w.other.Renew(w.Context(), l)
			require.NoError(w, err)
			leases[name] = renewed
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		p := <-patches
		require.Len(w, p.Left, 50)
		require.LessOrEqual(w, len(p.Set), 1)
		require.Less(w, p.size, 3500, "bytes for 50 renewals")

		require.NoError(w, w.other.Release(w.Context(), leases["lease-07"]))
		w.acquire("lease-07", "node-b", time.Minute)
		w.acquire("lease-99", "node-b", time.Minute)
		for len(patches) > 0 {
			<-patches
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		p = <-patches
		require.Len(w, p.List["leases"], 51)
		require.Len(w, p.Set, 2+1+2+1, "two rows, the pulse, two changes, the count of leases")
	})
}

// Too many browsers are told to reload instead.
func TestStream_IsBounded(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var all []func()
		for range 200 {
			_, leave := w.follow("/events")
			all = append(all, leave)
		}
		time.Sleep(time.Second)
		require.Equal(w, 503, w.do("GET", "/events", "").StatusCode)
		all[0]()
		_, leave := w.follow("/events")
		all[0] = leave
		for _, leave := range all {
			leave()
		}
	})
}
