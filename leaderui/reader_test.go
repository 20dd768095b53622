package leaderui_test

import (
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/leaderui"
)

// However many browsers look, one reader asks the store; and nobody does once they have gone.
func TestReader_IsOne(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.acquire("orders", "node-a", time.Hour)
		var leave []func()
		for range 50 {
			_, gone := w.follow("/events")
			leave = append(leave, gone)
		}
		time.Sleep(time.Minute)
		require.InDelta(w, 30, w.manager.lists.Load(), 2, "a look every two seconds")
		for _, gone := range leave {
			gone()
		}
		time.Sleep(time.Minute)
		before := w.manager.lists.Load()
		time.Sleep(time.Hour)
		require.Equal(w, before, w.manager.lists.Load(), "nobody looks")
		require.Contains(w, w.page("/"), "orders")
		require.Equal(w, before+1, w.manager.lists.Load(), "and then somebody does")
	})
}

// A page without a script reloads: the reader goes on meanwhile, and no faster.
func TestReader_PagesThatReload(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for range 1200 {
			w.page("/")
			time.Sleep(50 * time.Millisecond)
		}
		require.InDelta(w, 30, w.manager.lists.Load(), 2)
	})
}

// The bound on requests holds with many leases, also if the store fails and if browsers come and go, and the page says it.
func TestReader_BoundsItsRequests(t *testing.T) {
	t.Parallel()
	for place, seconds := range map[string]int{"s3://bucket": 120, "elsewhere:x": 120, "azblob://account/leases": 2, "file:/var/lib/leases": 2} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				w.manager.place = place
				for i := range 120 {
					w.acquire(fmt.Sprint("lease-", i), "node-a", 24*time.Hour)
				}
				_, leave := w.follow("/events")
				time.Sleep(8 * time.Minute)
				require.InEpsilon(w, 480/seconds, w.manager.lists.Load(), 0.1)
				require.Contains(w, w.page("/"), "never more than 1 a second")
				leave()
				w.manager.failWith("no answer")
				before := w.manager.lists.Load()
				for range 60 {
					w.page("/")
					time.Sleep(20 * time.Second)
				}
				require.LessOrEqual(w, w.manager.lists.Load()-before, int64(60*20/seconds+1))
			}, leaderui.WithRequests(1))
		})
	}
}

// What a look takes until it fails counts, also if none has succeeded.
func TestReader_BoundsItsRequests_OfLooksThatFail(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.manager.place = "s3://bucket"
		for i := range 120 {
			w.acquire(fmt.Sprint("lease-", i), "node-a", 24*time.Hour)
		}
		w.manager.stops.Store(true)
		_, leave := w.follow("/events")
		defer leave()
		time.Sleep(20 * time.Minute)
		require.InDelta(w, 1200/121, w.manager.lists.Load(), 2)
		require.Contains(w, w.page("/"), "the next page does not come")
	}, leaderui.WithRequests(1))
}

// A look after what a person does comes early, and the pause after it makes up for that: the bound holds however much people do.
func TestReader_BoundsItsRequests_WhatPeopleDo(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.manager.place = "s3://bucket"
		for i := range 120 {
			w.acquire(fmt.Sprint("lease-", i), "node-a", 24*time.Hour)
		}
		held := w.acquire("lease-x", "node-a", 24*time.Hour)
		form := url.Values{"lease": {held.Name}, "id": {held.ID}, "holder": {held.Holder}, "to": {"node-b"}}.Encode()
		do := func(times int) {
			for range times {
				w.do("POST", "/handover", form)
				time.Sleep(time.Second)
			}
		}
		_, leave := w.follow("/events")
		time.Sleep(time.Second)
		do(20)
		require.EqualValues(w, 2, w.manager.lists.Load(), "the first that a person does is seen at once")
		do(1200 - 21)
		require.InDelta(w, 1200/121, w.manager.lists.Load(), 2)
		leave()
		w.page("/")
		time.Sleep(time.Minute)
		before := w.manager.lists.Load()
		for range 20 {
			do(1) // while no reader runs
			w.page("/")
			time.Sleep(20 * time.Second)
		}
		require.InDelta(w, 20*21/121, w.manager.lists.Load()-before, 2)
	}, leaderui.WithActions(), leaderui.WithRequests(1))
}

// Close ends streams, and the look under way.
func TestReader_Close(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.manager.hang.Store(true)
		_, leave := w.follow("/events")
		time.Sleep(time.Second)
		w.ui.Close()
		synctest.Wait()
		leave()
		require.EqualValues(w, 1, w.manager.lists.Load())
		require.Equal(w, 503, w.do("GET", "/events", "").StatusCode)
		require.Contains(w, w.page("/"), "has not answered yet")
		require.EqualValues(w, 1, w.manager.lists.Load())
		w.ui.Close()
	})
}
