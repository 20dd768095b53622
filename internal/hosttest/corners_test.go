package hosttest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
)

func TestATimerThatIsDueAtOnceSleepsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(true)
		m.Suspend()
		_, called := after(m, 0)
		require.False(t, fired(called))
		m.Resume()
		time.Sleep(time.Nanosecond)
		require.True(t, fired(called))
	})
}

func TestTimeoutIsADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := host.WithTimeout(host.With(t.Context(), hosttest.New(true)), time.Minute)
		defer cancel()
		<-ctx.Done()
		require.Equal(t, context.DeadlineExceeded, ctx.Err())
	})
}
