package experiment

import (
	"bufio"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
	"github.com/cloudlease/leader/lease/memory"
)

// The lease store of the experiment is one.
func TestTheServerOfLeasesIsAStore(t *testing.T) {
	t.Parallel()
	leasetest.TestStore(t, func(t testing.TB) lease.Store {
		server := httptest.NewServer(serveLeases(memory.NewStore()))
		t.Cleanup(server.Close)
		return remoteStore{server.URL + "/leases"}
	})
}

// A proxy passes on what both sides send, keeps it while it is silent, and closes connections when it is told to.
func TestProxy(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer echo.Close()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	p, err := newProxy(echo.Addr().String())
	require.NoError(t, err)
	defer p.close()
	conn, err := net.Dial("tcp", p.address())
	require.NoError(t, err)
	defer conn.Close()
	lines := bufio.NewReader(conn)
	send := func(text string) {
		_, err := io.WriteString(conn, text+"\n")
		require.NoError(t, err)
	}
	receive := func(want string) {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want+"\n", line)
	}
	send("one")
	receive("one")

	kept := p.silenceUntil("commit")
	send("commit")
	<-kept
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = lines.ReadByte()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it is kept")
	require.NoError(t, conn.SetReadDeadline(time.Time{}))
	p.heal()
	receive("commit")

	p.cut()
	_, err = lines.ReadByte()
	require.Error(t, err)
	again, err := net.Dial("tcp", p.address())
	require.NoError(t, err)
	defer again.Close()
	conn, lines = again, bufio.NewReader(again)
	send("two")
	receive("two")
}

// While the clocks stand still, no timer goes off; afterwards they have missed that time.
func TestClocksThatStandStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClocks()
		rang := make(chan time.Duration, 1)
		began := c.Read()
		since := func() time.Duration { return c.Read().Since(began) }
		c.AfterFunc(3*time.Second, func() { rang <- since() })
		stopped := c.AfterFunc(3*time.Second, func() { t.Error("it was stopped") })
		time.Sleep(time.Second)
		c.freeze()
		time.Sleep(time.Hour)
		require.Equal(t, time.Second, since())
		require.True(t, stopped.Stop())
		require.False(t, stopped.Stop())
		c.thaw()
		time.Sleep(1900 * time.Millisecond)
		synctest.Wait()
		require.Empty(t, rang)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 3*time.Second, <-rang)
	})
}

// The producer appends to each partition: the story waits for documents of all of them.
func TestTheCustomersAreInAllPartitions(t *testing.T) {
	t.Parallel()
	in := map[int]bool{}
	for _, customer := range customers {
		in[events.PartitionOf(customer)] = true
	}
	require.Len(t, in, events.Partitions)
}
