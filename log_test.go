package leader_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
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

// A damaged record is met at every poll, with the same long text: that is one line, and a few reminders.
func TestLogger_SaysADamagedRecordOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		_, err := w.store.Swap(t.Context(), leader.DefaultLeaseName, "", []byte("no record"))
		require.NoError(t, err)
		a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil)))).run()
		time.Sleep(time.Hour)
		require.NoError(t, a.stop())
		assert.Equal(t, 1, strings.Count(out.String(), `level=WARN msg="a request to the store has failed: `), out.String())
		reminders := strings.Count(out.String(), `level=WARN msg="requests to the store still fail: `)
		assert.LessOrEqual(t, reminders, 7, out.String())
		assert.GreaterOrEqual(t, reminders, 3)
		assert.Equal(t, 1+reminders, strings.Count(out.String(), "not a lease record"), "no other line repeats it: %s", out.String())
	})
}

// A line of trouble says what to do about it, if that is known.
func TestLogger_SaysWhatToDo(t *testing.T) {
	full := errors.New("the disk is full")
	for what, test := range map[string]struct {
		err error
		do  string // empty: nothing is said
	}{
		"permanent":            {&lease.MisconfiguredError{Err: errors.New("access denied"), Advice: "grant it"}, `do="grant it"`},
		"permanent, no advice": {lease.ErrMisconfigured, ""},
		"a damaged record":     {fmt.Errorf("%w: it has no token", lease.ErrRecord), `do="repair the record: `},
		"a newer record":       {fmt.Errorf("%w: its format is 3: %w", lease.ErrRecord, lease.ErrNewer), `do="update this program: `},
		"temporary":            {full, ""},
	} {
		t.Run(what, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var out bytes.Buffer
				a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil)))).run()
				a.leads()
				a.link.set(func(q request) { *q.err = test.err })
				time.Sleep(time.Hour)
				require.NoError(t, a.stop())
				wantToDo(t, out.String(), test.do, "a request to the store has failed: ", "the lease is lost, ",
					"the lease was not given back: ", "requests to the store still fail: ")
			})
		})
	}
}

// So does the last line of a run that cannot begin.
func TestLogger_SaysWhatToDoAtTheEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		a.link.set(func(q request) {
			*q.err = &lease.MisconfiguredError{Err: errors.New("no such table"), Advice: "create it"}
		})
		a.run()
		require.ErrorIs(t, <-a.result, lease.ErrMisconfigured)
		wantToDo(t, out.String(), `do="create it"`, "ended with an error: ")
	})
}

// A term that still holds is not lost, whatever the error says by which it is to end: the line must not send anybody after a second
// leader that is not there.
func TestLogger_SaysOnlyOfALossThatItIsOne(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		const margin = 3 * time.Second
		a := w.nodeDoing("a", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(2 * length)
			return errors.New("flush failed")
		}, leader.WithStopMargin(margin), leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		a.run().leads()
		a.link.set(cut)
		time.Sleep(usable - margin + time.Second)
		a.link.set(nil)
		<-a.stopped
		require.NoError(t, a.stop())
		assert.NotRegexp(t, `lease (is|was) lost`, out.String())
		assert.Contains(t, out.String(), `msg="the work failed after it was told to stop, as the lease was about to run out" lease=leader node=a token=1 err="flush failed"`)
		assert.Contains(t, out.String(), `level=WARN msg="this node is to lead no more: the work is told to stop, and the lease is kept until it has"`)
		assert.Contains(t, out.String(), `msg="the work has not returned, though it was told to stop: the lease is kept`)
	})
	inWorld(t, func(w *world) { // acquired too late: there is no work
		var out bytes.Buffer
		a := w.node("a", leader.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		a.link.set(func(q request) {
			q.send()
			if q.op == "swap" {
				a.link.set(nil)
				a.machine.Suspend()
				time.AfterFunc(usable, a.machine.Resume)
			}
		})
		a.run().leads()
		require.NoError(t, a.stop())
		assert.NotContains(t, out.String(), `lease is lost`)
		assert.Contains(t, out.String(), `level=WARN msg="this node does not begin to lead, though it got the lease"`)
	})
}

// A logger that is too slow misses lines, and is told how many.
func TestLogger_MissesLines(t *testing.T) {
	inWorld(t, func(w *world) {
		var out bytes.Buffer
		block := make(chan struct{})
		opts := &slog.HandlerOptions{Level: slog.LevelDebug}
		a := w.node("a", leader.WithLogger(slog.New(stuckHandler{slog.NewTextHandler(&out, opts), block}))).run()
		a.leads()
		time.Sleep(3 * time.Hour)
		close(block)
		require.NoError(t, a.stop())
		require.Regexp(t, `level=WARN msg="the logger is too slow: lines are missing here" lease=leader node=a lines=1\d\d\d `, out.String())
	})
}

// stuckHandler waits until it may go on.
type stuckHandler struct {
	slog.Handler
	block chan struct{}
}

func (h stuckHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return stuckHandler{h.Handler.WithAttrs(attrs), h.block}
}

func (h stuckHandler) Handle(ctx context.Context, r slog.Record) error {
	<-h.block
	return h.Handler.Handle(ctx, r)
}

// wantToDo fails unless a warning that begins with each of the messages is there, and all of these say what to do; with an empty
// text, none does.
func wantToDo(t *testing.T, log, do string, messages ...string) {
	t.Helper()
	for _, message := range messages {
		found := false
		for line := range strings.Lines(log) {
			if !strings.Contains(line, "level=WARN") || !strings.Contains(line, `msg="`+message) {
				continue
			}
			found = true
			if do == "" {
				assert.NotContains(t, line, " do=")
			} else {
				assert.Contains(t, line, " "+do)
			}
		}
		assert.True(t, found, "%q is not in the log:\n%s", message, log)
	}
}
