package leaderhttp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// serving makes the node's work leader.Serve.
func serving() leader.Option { return leader.WhenStarted(leader.Serve) }

// asks asks the node for what only the leader does, and returns the answer of one that does not.
func (n *node) asks(handler http.Handler, opts ...leaderhttp.WhileLeadingOption) (*httptest.ResponseRecorder, leaderhttp.NotLeading) {
	n.t.Helper()
	w := httptest.NewRecorder()
	leaderhttp.WhileLeading(n.Leader, handler, opts...).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/orders", nil))
	var says leaderhttp.NotLeading
	if w.Code == http.StatusServiceUnavailable {
		require.NoError(n.t, json.Unmarshal(w.Body.Bytes(), &says))
		require.Equal(n.t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(n.t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Equal(n.t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
		require.Equal(n.t, fmt.Sprint(says.RetryAfterSeconds), w.Header().Get("Retry-After"))
		require.Empty(n.t, w.Header().Get("Location"))
	}
	return w, says
}

var done = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	term, _ := leader.TermFrom(r.Context())
	fmt.Fprintf(w, "done with token %d: %v", term.Token(), term.Check())
})

func TestWhileLeading_OnlyTheLeader(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		prepared := make(chan struct{})
		a := w.node("a", leader.WithAttributes(map[string]string{"address": "10.0.0.7:80"}), leader.WhenStarted(func(ctx context.Context) error {
			<-prepared
			return leader.Serve(ctx)
		}))
		_, says := a.asks(done)
		require.Equal(t, leaderhttp.NotLeading{Error: "this node does not lead", RetryAfterSeconds: 5}, says, "idle")
		a.run()
		_, says = a.asks(done)
		require.Equal(t, leaderhttp.NotLeading{
			Error: "this node leads, but takes no requests yet: its work is not in leader.Serve", RetryAfterSeconds: 1,
		}, says)
		close(prepared)
		b := w.node("b", serving()).run()
		time.Sleep(time.Minute)
		answer, _ := a.asks(done)
		require.Equal(t, http.StatusOK, answer.Code)
		require.Equal(t, "done with token 1: <nil>", answer.Body.String())
		_, says = b.asks(done)
		require.Equal(t, leaderhttp.NotLeading{
			Error: `this node does not lead: "a" does`, Leader: "a", Token: 1,
			Attributes: map[string]string{"address": "10.0.0.7:80"}, RetryAfterSeconds: 5,
		}, says)
		answer, says = b.asks(done, leaderhttp.WithoutLeader())
		require.Equal(t, leaderhttp.NotLeading{Error: "this node does not lead", RetryAfterSeconds: 5}, says)
		require.NotContains(t, answer.Body.String(), "10.0.0.7")

		a.end()
		synctest.Wait()
		_, says = a.asks(done)
		require.Empty(t, says.Leader, "an idle node does not hear who leads")
		time.Sleep(5 * time.Second)
		answer, _ = b.asks(done)
		require.Equal(t, "done with token 2: <nil>", answer.Body.String())
		b.end()
	})
}

// Retry-After is when the lease may be over, if that is sooner than the next look.
func TestWhileLeading_RetryAfter(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a", serving()).run()
		b := w.node("b", serving(), leader.WithAcquireEvery(time.Minute)).run()
		time.Sleep(time.Second)
		info := b.Status().Seen
		require.Greater(t, info.RetryAfter, time.Second)
		_, says := b.asks(done)
		require.InDelta(t, info.RetryAfter.Seconds()-1, says.RetryAfterSeconds, 1)
		require.Less(t, says.RetryAfterSeconds, 60)
		a.end()
		b.end()
	})
}

// Who may not lead any more is not named, nor is one of whom this node has not heard for long.
func TestWhileLeading_NamesNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a", leader.WithLeaseManager(broken{}), serving()).run()
		_, says := a.asks(done)
		require.Equal(t, "this node does not lead", says.Error)
		require.Empty(t, says.Leader)
		a.end()

		b, c := w.node("b", serving()).run(), w.node("c", serving()).run()
		time.Sleep(time.Minute)
		c.way.Set(leadertest.CutOff)
		_, says = c.asks(done)
		require.Equal(t, "b", says.Leader)
		time.Sleep(2 * length)
		_, says = c.asks(done)
		require.Empty(t, says.Leader, "it may be somebody else by now")
		c.way.Set(leadertest.None)
		time.Sleep(length)
		_, says = c.asks(done)
		require.Equal(t, "b", says.Leader)
		c.end()
		_, says = c.asks(done)
		require.Empty(t, says.Leader, "it does not hear any more")
		b.end()
	})
}

// slow is a handler of one request, that finishes when it is told to.
type slow struct {
	began chan context.Context
	goOn  chan struct{}
}

func newSlow() slow { return slow{make(chan context.Context, 1), make(chan struct{})} }

func (s slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.began <- r.Context()
	<-s.goOn
	fmt.Fprint(w, "finished")
}

// begin sends a request, and returns its context once it is under way.
func (n *node) begin(s slow, opts ...leaderhttp.WhileLeadingOption) (ctx context.Context, answer chan *httptest.ResponseRecorder) {
	answer = make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w, _ := n.asks(s, opts...)
		answer <- w
	}()
	return <-s.began, answer
}

// A stop lets requests finish, for as long as they may, and the lease is kept until they have.
func TestWhileLeading_Finishes(t *testing.T) {
	for name, test := range map[string]struct {
		options []leader.Option
		finish  []leaderhttp.WhileLeadingOption
		within  time.Duration
	}{
		"a lease length":           {nil, nil, length},
		"half of the stop timeout": {[]leader.Option{leader.WithStopTimeout(length)}, nil, length / 2},
		"as it is said":            {nil, []leaderhttp.WhileLeadingOption{leaderhttp.FinishWithin(time.Minute)}, time.Minute},
		"a stream ends at once":    {nil, []leaderhttp.WhileLeadingOption{leaderhttp.FinishWithin(0)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				a := w.node("a", append(test.options, serving())...).run()
				b := w.node("b", serving()).run()
				s := newSlow()
				ctx, answer := a.begin(s, test.finish...)
				a.stop()
				synctest.Wait()
				_, says := a.asks(done)
				require.Equal(t, "this node no longer leads: it finishes the requests under way", says.Error)
				stopped := time.Now()
				<-ctx.Done()
				require.Equal(t, test.within, time.Since(stopped))
				require.Equal(t, context.Canceled, context.Cause(ctx), "the work's cause")
				term, _ := leader.TermFrom(ctx)
				require.NoError(t, term.Check())
				require.NotEqual(t, leader.Leading, b.Status().State)
				close(s.goOn)
				require.Equal(t, "finished", (<-answer).Body.String())
				require.NoError(t, <-a.ended)
				b.end()
			})
		})
	}
}

// A request that has finished in time has met no end of its context.
func TestWhileLeading_FinishesInTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a", serving()).run()
		s := newSlow()
		ctx, answer := a.begin(s)
		a.stop()
		time.Sleep(length - 1)
		require.NoError(t, ctx.Err())
		close(s.goOn)
		require.Equal(t, "finished", (<-answer).Body.String())
		require.Error(t, ctx.Err(), "its time is over, and nothing waits for the work's end")
		require.NoError(t, <-a.ended)
	})
}

// When the lease is lost, the context ends with it, however long requests may take to finish.
func TestWhileLeading_Lost(t *testing.T) {
	for name, margin := range map[string]time.Duration{"at the deadline": 0, "with a stop margin": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				a := w.node("a", serving(), leader.WithStopMargin(margin)).run()
				s := newSlow()
				ctx, answer := a.begin(s, leaderhttp.FinishWithin(time.Hour))
				a.way.Set(leadertest.CutOff)
				cut := time.Now()
				<-ctx.Done()
				require.LessOrEqual(t, time.Since(cut), length)
				require.ErrorIs(t, context.Cause(ctx), lease.ErrLost)
				term, _ := leader.TermFrom(ctx)
				require.ErrorIs(t, term.Check(), lease.ErrLost, "not before")
				a.way.Set(leadertest.None)
				time.Sleep(10 * time.Minute)
				require.Equal(t, leader.Stopping, a.Status().State, "the request is under way")
				close(s.goOn)
				<-answer
				time.Sleep(time.Minute)
				require.Equal(t, leader.Leading, a.Status().State)
				a.end()
			})
		})
	}
}

// The client's going away ends the context as it does without WhileLeading, also while the work is stopping.
func TestWhileLeading_TheClientGoesAway(t *testing.T) {
	gone := errors.New("the client has gone away")
	for name, stopping := range map[string]bool{"while it leads": false, "while it stops": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				a := w.node("a", serving()).run()
				request, leave := context.WithCancelCause(t.Context())
				s := newSlow()
				go leaderhttp.WhileLeading(a.Leader, s).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(request, http.MethodGet, "/", nil))
				ctx := <-s.began
				if stopping {
					a.stop()
				}
				synctest.Wait()
				require.NoError(t, ctx.Err())
				leave(gone)
				synctest.Wait()
				require.Error(t, ctx.Err())
				if !stopping {
					require.Equal(t, gone, context.Cause(ctx))
					a.stop()
				}
				close(s.goOn)
				require.NoError(t, <-a.ended)
			})
		})
	}
}

func TestWhileLeading_Nil(t *testing.T) {
	l := leader.New()
	for _, h := range []http.Handler{leaderhttp.WhileLeading(nil, done), leaderhttp.WhileLeading(l, nil, nil)} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Contains(t, w.Body.String(), "leaderhttp.WhileLeading was given nil")
	}
}

// A number without a unit would cut off every request at a stop.
func TestFinishWithin_Refused(t *testing.T) {
	for d, refused := range map[time.Duration]bool{30: true, -1: true, time.Millisecond: false} {
		w := httptest.NewRecorder()
		leaderhttp.WhileLeading(leader.New(), done, leaderhttp.FinishWithin(d)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, refused, strings.Contains(w.Body.String(), "nanoseconds: write 30*time.Second"), d)
	}
}

// On a real server: a stream is flushed, a connection is hijacked, a handler panics; the lease is kept until each of them is
// over.
func TestWhileLeading_OnARealServer(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l := leader.New(leader.WithLeaseManager(memory.New()), leader.WithLogger(slog.New(slog.DiscardHandler)), serving())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()

	hijacked := make(chan context.Context, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "first")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		fmt.Fprintln(w, "last")
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
		_ = buffered.Flush()
		hijacked <- r.Context()
		<-r.Context().Done()
		_, _ = buffered.WriteString("bye")
		_ = buffered.Flush()
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	server := httptest.NewUnstartedServer(leaderhttp.WhileLeading(l, mux, leaderhttp.FinishWithin(0)))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()

	var stream *http.Response
	require.Eventually(t, func() bool { // until the work serves
		var err error
		stream, err = server.Client().Get(server.URL + "/stream")
		require.NoError(t, err)
		if stream.StatusCode != http.StatusOK {
			require.NoError(t, stream.Body.Close())
		}
		return stream.StatusCode == http.StatusOK
	}, time.Minute, time.Millisecond)
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "first\n", line)

	_, err = server.Client().Get(server.URL + "/panic")
	require.ErrorIs(t, err, io.EOF)

	upgrade, err := http.NewRequest(http.MethodGet, server.URL+"/hijack", nil)
	require.NoError(t, err)
	upgrade.Header.Set("Connection", "Upgrade")
	upgrade.Header.Set("Upgrade", "test")
	other, err := server.Client().Do(upgrade)
	require.NoError(t, err)
	defer other.Body.Close()
	require.Equal(t, http.StatusSwitchingProtocols, other.StatusCode)
	require.NoError(t, (<-hijacked).Err())

	stop()
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Equal(t, "last\n", string(rest))
	rest, err = io.ReadAll(other.Body)
	require.NoError(t, err)
	require.Equal(t, "bye", string(rest))
	require.NoError(t, <-ended)
}
