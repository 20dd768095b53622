package wire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// service records its requests, and answers with their bodies.
type service struct {
	*httptest.Server
	mu   sync.Mutex
	got  []*http.Request
	came chan struct{} // one element per request
}

func newService(t *testing.T) *service {
	s := &service{came: make(chan struct{}, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.got = append(s.got, r)
		s.mu.Unlock()
		s.came <- struct{}{}
		w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(append([]byte("echo "), body...))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.got...)
}

// client has its own connections, and shows faults as they are: it never repeats a request, as these are POSTs.
func client(t *testing.T) *http.Client {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func post(ctx context.Context, c *http.Client, url, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return string(answer), err
}

// soon returns a context that ends a request that hangs.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-soon(t).Done():
		t.Fatalf("%s: not within ten seconds", what)
	}
}

func TestProxyPassesAllOn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := NewProxy(t, s.URL)
	r, err := http.NewRequestWithContext(soon(t), http.MethodPut, p.URL()+"/a%2Fb//c%20d?x=%2F&y", strings.NewReader("body"))
	require.NoError(t, err)
	r.Host = "signed.example"
	r.Header.Set("Authorization", "signature")
	resp, err := client(t).Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "echo body", string(body))
	assert.Equal(t, http.StatusAccepted, resp.StatusCode)
	assert.Equal(t, []string{"a", "b"}, resp.Header.Values("X-Two"))
	assert.Equal(t, []string{"Thu, 01 Jan 1970 00:00:00 GMT"}, resp.Header.Values("Date"))

	got := s.requests()[0]
	assert.Equal(t, "/a%2Fb//c%20d?x=%2F&y", got.RequestURI)
	assert.Equal(t, "signed.example", got.Host)
	assert.Equal(t, "signature", got.Header.Get("Authorization"))
	assert.Empty(t, got.Header.Get("Accept-Encoding"), "the client has not asked for compression")
	assert.Equal(t, int64(4), got.ContentLength)
	assert.Equal(t, http.MethodPut, got.Method)
}

func TestProxySendsAnotherHost(t *testing.T) {
	t.Parallel()
	s := newService(t)
	_, err := post(soon(t), client(t), NewProxy(t, s.URL, WithHost("storage.example")).URL(), "")
	require.NoError(t, err)
	assert.Equal(t, "storage.example", s.requests()[0].Host)
}

// Each fault strikes the request that it is meant for, at its stage, on a connection that is kept; the others pass.
func TestProxyBreaksOneRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		fault  Fault
		want   error
		served int // requests that the service saw, of three
	}{
		{"cut before", Cut(Before), io.EOF, 2},
		{"cut after", Cut(After), io.EOF, 3},
		{"reset before", Reset(Before), syscall.ECONNRESET, 2},
		{"reset after", Reset(After), syscall.ECONNRESET, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p, c := NewProxy(t, s.URL), client(t)
			struck := p.OnRequest(2, test.fault)
			_, err := post(soon(t), c, p.URL(), "1")
			require.NoError(t, err)
			select {
			case <-struck:
				t.Fatal("the first request is struck, and the second was meant")
			default:
			}
			_, err = post(soon(t), c, p.URL(), "2")
			require.ErrorIs(t, err, test.want)
			within(t, "the fault", struck)
			answer, err := post(soon(t), c, p.URL(), "3")
			require.NoError(t, err)
			assert.Equal(t, "echo 3", answer)
			assert.Len(t, s.requests(), test.served)
		})
	}
}

func TestProxyStalls(t *testing.T) {
	t.Parallel()
	for _, stage := range []Stage{Before, After} {
		s := newService(t)
		p := NewProxy(t, s.URL)
		struck := p.OnRequest(1, Stall(stage))
		ctx, cancel := context.WithCancel(soon(t))
		failed := make(chan error, 1)
		go func() {
			_, err := post(ctx, client(t), p.URL(), "")
			failed <- err
		}()
		within(t, "the fault", struck)
		require.Empty(t, failed)
		cancel()
		require.ErrorIs(t, <-failed, context.Canceled)
		assert.Len(t, s.requests(), int(stage))
	}
}

// A request that is held arrives after its client has gone.
func TestProxyLetsRequestsLandLate(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := NewProxy(t, s.URL)
	release := make(chan struct{})
	struck := p.OnRequest(1, Hold(Before, release))
	ctx, cancel := context.WithCancel(soon(t))
	failed := make(chan error, 1)
	go func() {
		_, err := post(ctx, client(t), p.URL(), "")
		failed <- err
	}()
	within(t, "the fault", struck)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.Empty(t, s.requests())
	close(release)
	within(t, "the request that was held", s.came)
}

func TestProxyDelays(t *testing.T) {
	t.Parallel()
	const d = 100 * time.Millisecond
	for _, stage := range []Stage{Before, After} {
		s := newService(t)
		p := NewProxy(t, s.URL)
		p.OnEvery(Delay(stage, d))
		from := time.Now()
		answer, err := post(soon(t), client(t), p.URL(), "x")
		require.NoError(t, err)
		assert.Equal(t, "echo x", answer)
		assert.GreaterOrEqual(t, time.Since(from), d)
	}
}

func TestProxyReplies(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := NewProxy(t, s.URL)
	p.OnEvery(Reply(http.StatusTeapot, http.Header{"X-Code": {"7"}}, "no"))
	resp, err := client(t).Get(p.URL())
	require.NoError(t, err)
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	assert.Equal(t, "418 7 no", strings.Join([]string{resp.Status[:3], resp.Header.Get("X-Code"), string(body)}, " "))
	assert.Empty(t, s.requests())
}

func TestProxyBreaksConnections(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p, c := NewProxy(t, s.URL), client(t)
	for _, test := range []struct {
		do   func()
		want error
	}{{p.Refuse, syscall.ECONNREFUSED}, {p.ResetConnections, syscall.ECONNRESET}, {p.Refuse, syscall.ECONNREFUSED}} {
		_, err := post(soon(t), c, p.URL(), "")
		require.NoError(t, err)
		test.do()
		// A kept connection may first turn out to be closed.
		require.Eventually(t, func() bool {
			_, err := post(soon(t), c, p.URL(), "")
			return errors.Is(err, test.want)
		}, 10*time.Second, time.Millisecond)
		p.Heal()
	}
	assert.Len(t, s.requests(), 3)
}

func TestHealKeepsWhatIsHealthy(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := NewProxy(t, s.URL)
	struck := p.OnRequest(1, Delay(After, 100*time.Millisecond))
	p.OnRequest(2, Cut(Before))
	p.OnEvery(Cut(Before))
	failed := make(chan error, 1)
	go func() {
		_, err := post(soon(t), client(t), p.URL(), "")
		failed <- err
	}()
	within(t, "the fault", struck)
	p.Heal()
	require.NoError(t, <-failed)
	for range 2 {
		_, err := post(soon(t), client(t), p.URL(), "")
		require.NoError(t, err)
	}
}

// The end of the proxy does not wait for requests that are held.
func TestProxyEnds(t *testing.T) {
	t.Parallel()
	s := newService(t)
	failed := make(chan error, 1)
	t.Run("proxy", func(t *testing.T) {
		p := NewProxy(t, s.URL)
		struck := p.OnRequest(1, Hold(Before, nil))
		url := p.URL()
		go func() {
			_, err := post(context.Background(), &http.Client{Transport: &http.Transport{}}, url, "")
			failed <- err
		}()
		within(t, "the fault", struck)
	})
	require.Error(t, <-failed)
	assert.Empty(t, s.requests())
}

func TestCounter(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := NewProxy(t, s.URL)
	p.OnRequest(3, Cut(Before))
	for _, test := range []struct {
		classify      func(*http.Request) Kind
		reads, writes int
	}{
		{nil, 2, 2},
		{func(r *http.Request) Kind {
			if r.Method == http.MethodHead {
				return Other
			}
			return Write
		}, 0, 3},
	} {
		c := &Counter{Transport: client(t).Transport, Classify: test.classify}
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
			r, err := http.NewRequestWithContext(soon(t), method, p.URL()+"/a?b", nil)
			require.NoError(t, err)
			resp, err := c.Client().Do(r)
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
		}
		reads, writes := c.Counts()
		assert.Equal(t, []int{test.reads, test.writes}, []int{reads, writes})
		require.Len(t, c.Requests(), 4)
		got := c.Requests()[2]
		assert.Equal(t, Request{Kind: Write, Method: http.MethodPost, Path: "/a"}, got)
	}
	c := &Counter{}
	_, err := c.Client().Get(s.URL)
	require.NoError(t, err)
	assert.Len(t, c.Requests(), 1)
}
