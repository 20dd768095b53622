package leaderui_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// With 10,000 leases, a page and an update are as large as with 200: a browser gets the leases that it shows.
func TestLarge(t *testing.T) {
	t.Parallel()
	sizes := func(leases int) (page, update int) {
		inWorld(t, func(w *world) {
			for i := range leases {
				w.acquire(fmt.Sprintf("lease-%05d", i), "node-a", time.Hour)
			}
			page = len(w.page("/"))
			patches, leave := w.follow("/events")
			defer leave()
			time.Sleep(time.Second)
			for len(patches) > 0 {
				<-patches
			}
			for i := range 50 {
				w.acquireAgain(fmt.Sprintf("lease-%05d", i))
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			update = (<-patches).size
		})
		return page, update
	}
	page, update := sizes(200)
	largePage, largeUpdate := sizes(10_000)
	require.InEpsilon(t, page, largePage, 0.05)
	require.InEpsilon(t, update, largeUpdate, 0.05)
}
