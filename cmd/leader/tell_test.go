//go:build unix

package main

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
)

// With --tell, a leader hands over at once, and not at its next renewal. A host that is not named is not told.
func TestTell(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	s := commandtest.NewSite(t)
	n := s.Start("--name", "orders", "--lease-length", "3m", "--listen", address, "--attribute", "watch=http://"+address+"/watch",
		"--", "sh", "-c", "echo up >>$FILE; exec sleep 1000")
	s.AwaitLines(1)
	handover := func(flags ...string) {
		end := commandtest.End(t, commandtest.Command(t, append([]string{"handover", "orders", "--store", store.FileURL(s.Store), "--yes", "--wait=false"}, flags...)...))
		require.Zero(t, end.Code, end.Err)
	}
	handover("--to", "b", "--tell", "10.0.0.0/8")
	require.NotContains(t, n.Output.String(), "is asked to hand the lease over")
	began := time.Now()
	handover("--to", "b", "--tell", "127.0.0.1") // the same again
	n.Await("is asked to hand the lease over")
	require.Less(t, time.Since(began), 30*time.Second, "half of the interval between two renewals")
}
