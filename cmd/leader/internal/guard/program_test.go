//go:build unix

package guard

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

// Leader keeps a signal for the program of the term that has begun.
func TestSignalsAreKeptForTheirProgram(t *testing.T) {
	t.Parallel()
	begin := func(r *running, token uint64) string {
		reader, writer, err := os.Pipe()
		require.NoError(t, err)
		defer reader.Close()
		r.begin(&guardProcess{orders: writer}, charge{}, token)
		require.NoError(t, writer.Close())
		orders := make([]byte, 4096)
		n, err := reader.Read(orders)
		require.NoError(t, err)
		r.end()
		return string(orders[:n])
	}
	var r running
	require.False(t, r.signal(syscall.SIGHUP, 0), "nobody leads")
	require.True(t, r.signal(syscall.SIGHUP, 7))
	require.Contains(t, begin(&r, 7), `{"Signal":1}`)
	require.False(t, r.signal(syscall.SIGUSR1, 7), "its program is over")
	require.True(t, r.signal(syscall.SIGUSR1, 8))
	require.NotContains(t, begin(&r, 9), "Signal", "it was for another one")
}

// A guard that is stopped, and whose pipe is full, keeps leader waiting for a moment, and not for ever.
func TestGuardThatTakesNothing(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer writer.Close()
	require.NoError(t, writer.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = writer.Write(make([]byte, 1<<20)) // more than there is room for
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, writer.SetWriteDeadline(time.Time{}))

	r := running{guard: &guardProcess{orders: writer}}
	given := make(chan bool, 1)
	go func() { given <- r.order(guardOrder{Kill: true}) }()
	select {
	case it := <-given:
		require.False(t, it)
	case <-time.After(commandtest.StuckAfter):
		require.NoError(t, reader.Close()) // which ends the write
		require.False(t, <-given)
		require.Fail(t, "leader waits for its guard")
	}
	require.NoError(t, reader.Close())
}
