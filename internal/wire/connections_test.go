package wire

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCountConnections(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	connections := CountConnections(server)
	server.Start()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{}}
	for range 2 { // the second request keeps the connection
		answer, err := client.Get(server.URL)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	require.Equal(t, 1, connections.Open())
	client.CloseIdleConnections()
	require.Eventually(t, func() bool { return connections.Open() == 0 }, 10*time.Second, time.Millisecond)
	require.Equal(t, 1, connections.Opened())
}
