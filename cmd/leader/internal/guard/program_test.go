//go:build unix

package guard

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
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
