package leader_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
)

// A trouble that lasts is told when it begins, a few times, and when it ends; and one lost lease is one warning.
func TestLogger_SaysATroubleOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil)))).run()
		a.leads()
		w.force("other", true)
		a.leads()
		synctest.Wait()
		assert.Equal(t, 1, strings.Count(out.String(), "level=WARN"), out.String())
		require.NoError(t, a.stop())
		out.Reset()

		w.force("other", false)
		b := w.node("b", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil)))).run()
		time.Sleep(every)
		b.link.set(cut)
		time.Sleep(time.Hour)
		b.link.set(nil)
		time.Sleep(2 * every)
		synctest.Wait()
		warnings := strings.Count(out.String(), "level=WARN")
		assert.LessOrEqual(t, warnings, 8, out.String())
		assert.GreaterOrEqual(t, warnings, 4)
		assert.Contains(t, out.String(), `msg="the store answers again"`)
		assert.Contains(t, out.String(), "for=1m")
	})
}

// A request that is called off because Run is to end is no trouble of the store's.
func TestLogger_AStopIsNoTrouble(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		asked := make(chan struct{})
		a.link.set(func(q request) {
			close(asked)
			hang(q)
		})
		a.run()
		<-asked
		require.NoError(t, a.stop())
		assert.NotContains(t, out.String(), "level=WARN")
		assert.Contains(t, out.String(), "this node was asked to stop, and asks for the lease no more")
	})
}
