package main

import (
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a node publishes can be reached from another machine, wherever the node listens.
func TestAddress(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	require.NoError(t, err)
	for _, test := range []struct{ given, listen, want string }{
		{"", "[::]:8080", host + ":8080"},
		{"", "0.0.0.0:8080", host + ":8080"},
		{"", "127.0.0.1:8081", "127.0.0.1:8081"},
		{"10.0.0.7:80", "[::]:8080", "10.0.0.7:80"},
	} {
		local, err := net.ResolveTCPAddr("tcp", test.listen)
		require.NoError(t, err)
		got, err := config{address: test.given}.reachedAt(local)
		require.NoError(t, err)
		require.Equal(t, test.want, got, test.listen)
	}
}
