package callbacks

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Values come in order, one at a time. While the function is stuck, so many wait, and it hears how many were dropped; none that must not be.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		stuck := make(chan struct{})
		q := &Queue[int]{Dropped: func(n int) int { return -n }, Deliver: func(v int) { <-stuck; got = append(got, v) }}
		require.Nil(t, q.Emptied())
		for v := range queueSize + 10 {
			q.Post(v, true)
			synctest.Wait() // the first one is with the function by then
		}
		q.Post(7000, false)
		select {
		case <-q.Emptied():
			t.Fatal("it is not empty")
		default:
		}
		close(stuck)
		<-q.Emptied()
		require.Nil(t, q.Emptied())
		require.Equal(t, []int{0, -9, 1, 2}, got[:4])
		require.Equal(t, []int{queueSize, 7000}, got[len(got)-2:])
		require.Len(t, got, queueSize+3)
	})
}

// A function that ends its goroutine misses nothing else.
func TestQueue_Goexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		exits := 0
		q := &Queue[int]{Goexit: func() { exits++ }, Deliver: func(v int) {
			if v == 1 {
				runtime.Goexit()
			}
			got = append(got, v)
		}}
		for v := range 3 {
			q.Post(v, true)
		}
		synctest.Wait()
		require.Equal(t, []int{0, 2}, got)
		require.Equal(t, 1, exits)
	})
}

// Under a load that lasts, values come between the reports of those that were dropped: also the ones that must not be dropped, which
// would pile up.
func TestQueue_ALoadThatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const seconds, urgent, urgentAt = 3 * 60 * 60, 7000, 60 * 60
		begun, arrived, told := time.Now(), time.Duration(0), 0
		q := &Queue[int]{Dropped: func(n int) int { return -n }, Deliver: func(v int) {
			time.Sleep(2 * time.Second)
			switch {
			case v < 0:
				told -= v
			case v == urgent:
				arrived = time.Since(begun)
			default:
				told++
			}
		}}
		for s := range seconds {
			q.Post(s%urgent, true)
			if s == urgentAt {
				q.Post(urgent, false)
			}
			time.Sleep(time.Second)
		}
		<-q.Emptied()
		require.Less(t, arrived, seconds*time.Second, "while the load lasts")
		require.Equal(t, seconds, told, "each is delivered, or counted")
	})
}
