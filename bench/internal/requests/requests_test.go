package requests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/bench/internal/service"
)

// wire is a service that only the peer below uses. Real services take minutes; here, time is virtual.
type wire struct {
	mu   sync.Mutex
	sum  Count
	held bool
}

func (w *wire) count() (Count, map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sum, map[string]int{"read": int(w.sum.Reads), "write": int(w.sum.Writes), "never": 0}
}

func (w *wire) add(c Count) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sum.Reads, w.sum.Writes, w.sum.Others = w.sum.Reads+c.Reads, w.sum.Writes+c.Writes, w.sum.Others+c.Others
}

// take takes the lease, if it is free.
func (w *wire) take() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	free := !w.held
	w.held = true
	return free
}

func (w *wire) free() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = false
}

// steadyPeer opens a session, acquires with a read and a write, renews with a write three times in a length, polls with a read
// at the given interval, and releases with two writes.
func (w *wire) steadyPeer(poll time.Duration) peer.Peer {
	third := func(d time.Duration) time.Duration { return d / 3 }
	return peer.Peer{Key: "steady", Name: "steady", Service: "etcd", RenewEvery: third, Run: func(ctx context.Context, c peer.Config) error {
		w.add(Count{Others: 1})
		for !w.take() {
			if service.Pause(ctx, poll) != nil {
				return nil
			}
			w.add(Count{Reads: 1})
		}
		w.add(Count{Reads: 1, Writes: 1})
		c.Tell(peer.Started)
		for service.Pause(ctx, c.Length/3) == nil {
			w.add(Count{Writes: 1})
		}
		c.Tell(peer.Stopped)
		w.add(Count{Writes: 2})
		w.free()
		return nil
	}}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		o := Options{Window: 40 * time.Minute, Cycles: 3, Standbys: 2, Log: t.Logf}
		got, err := watch(t.Context(), o, place{count: w.count, late: time.Millisecond}, w.steadyPeer(3*time.Second), "")
		require.NoError(t, err)
		assert.Equal(t, []Count{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}}, got.Acquire, "each is counted by itself")
		assert.Equal(t, []Count{{0, 2, 0}, {0, 2, 0}, {0, 2, 0}}, got.Release)
		assert.Equal(t, reference.Seconds(), got.Length, "another's lease is not scaled")
		assert.Equal(t, 160.0, got.Lengths)
		assert.InDelta(t, 3, got.Leading.Writes, 0.02)
		assert.Zero(t, got.Leading.Reads)
		assert.InDelta(t, 5, got.Waiting.Reads, 0.02, "of each of the two")
		assert.InDelta(t, 0, got.Waiting.Writes, 0.02)
		assert.InDelta(t, 2*5*160, got.Names["read"], 4)
		assert.NotContains(t, got.Names, "never")
		assert.Zero(t, got.Ended)

		// One more or less may fall into a watch of 160 lengths: that is 1.5 an hour.
		assert.InDelta(t, 720, got.hourly(got.Leading).Writes, 2)
		assert.InDelta(t, 1200, got.hourly(got.Waiting).Reads, 2)
		assert.Zero(t, got.hourly(got.Waiting).Writes, "one more at an end of a watch is none")
	})
}

// A peer whose server is not on this machine is named, in the log and on the page, and the others are measured.
func TestMeasureNamesWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // without redis-server
	var log strings.Builder
	got, err := Measure(t.Context(), Options{
		Peers: []string{"redsync", "client-go"}, Calls: 1, Cycles: 1, Standbys: 1, Window: time.Second,
		Log: func(format string, args ...any) { fmt.Fprintf(&log, format+"\n", args...) },
	})
	require.NoError(t, err)
	require.Len(t, got.Peers, 1)
	assert.Equal(t, "client-go", got.Peers[0].Key)
	require.Len(t, got.Missing, 1)
	assert.Contains(t, got.Missing[0], "there is no redis-server: install it")
	assert.Contains(t, log.String(), "not measured: "+got.Missing[0])
	s, err := got.Section()
	require.NoError(t, err)
	assert.Contains(t, s.Text, "Not measured:\n\n- "+got.Missing[0])
}

func TestWatchSaysWhenATermEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		steady := w.steadyPeer(time.Second)
		restless := steady
		restless.Run = func(ctx context.Context, c peer.Config) error {
			for ctx.Err() == nil {
				term, cancel := context.WithTimeout(ctx, 20*time.Minute)
				_ = steady.Run(term, c)
				cancel()
			}
			return nil
		}
		got, err := watch(t.Context(), Options{Window: 40 * time.Minute, Standbys: 1, Log: t.Logf}, place{count: w.count}, restless, "")
		require.NoError(t, err)
		assert.Positive(t, got.Ended)
	})
}

func TestWatchOfAPeerThatCannotGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		broken := w.steadyPeer(time.Second)
		gone := errors.New("no such server")
		broken.Run = func(context.Context, peer.Config) error { return gone }
		_, err := watch(t.Context(), Options{Window: time.Minute, Cycles: 1, Log: t.Logf}, place{count: w.count}, broken, "")
		assert.ErrorIs(t, err, gone)
		broken.Run = func(ctx context.Context, _ peer.Config) error { <-ctx.Done(); return nil }
		_, err = watch(t.Context(), Options{Window: time.Minute, Cycles: 1, Log: t.Logf}, place{count: w.count}, broken, "")
		assert.ErrorContains(t, err, "does not lead")
	})
}

func TestCall(t *testing.T) {
	t.Parallel()
	c := Call{Service: "s3", Op: "acquire"}
	assert.False(t, c.met(), "nothing was counted")
	for range 3 {
		c.add(Count{Reads: 1, Writes: 1})
	}
	assert.Equal(t, "1 read, 1 write", c.String())
	assert.True(t, c.met())
	c.Service = "azure"
	assert.False(t, c.met(), "Azure takes three")
	c.Service = "s3"
	c.add(Count{Reads: 2, Writes: 1})
	assert.Equal(t, "3 times 1 read, 1 write; 1 times 2 reads, 1 write", c.String())
	assert.False(t, c.met(), "one of them was another")
	assert.Equal(t, 4, c.number())
}

func TestMedian(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Count{Writes: 1}, median([]Count{{Writes: 3}, {Writes: 1}, {Writes: 1}}))
	assert.Zero(t, median(nil))
}

// sample returns a result whose figures can be computed by hand.
func sample() Result {
	watched := func(w Watch) Watch {
		w.Lengths, w.Standbys = 80, 2
		w.Acquire, w.Release = []Count{{Reads: 1, Writes: 1}}, []Count{{Writes: 1}}
		return w
	}
	calls := func(name, service string) (calls []Call) {
		for _, op := range Ops {
			c := Call{Peer: name, Service: service, Op: op, First: goal(service, op)}
			c.add(goal(service, op))
			calls = append(calls, c)
		}
		return calls
	}
	r := Result{
		Calls: append(calls("ours on DynamoDB", "dynamodb"), calls("ours on Azure", "azure")...),
		Peers: []Watch{
			watched(Watch{Name: "ours on DynamoDB", Service: "dynamodb", Ours: true, Notes: "n.", Length: 3, Renew: 1, Poll: 1,
				Leading: Count{Writes: 3, Others: 0.01}, Waiting: Count{Reads: 3.09, Writes: -0.01}}),
			watched(Watch{Name: "ours on S3", Service: "s3", Ours: true, Notes: "n.", Length: 3, Renew: 1, Poll: 1,
				Leading: Count{Writes: 3}, Waiting: Count{Reads: 3.3}}),
			watched(Watch{Name: "theirs on DynamoDB", Service: "dynamodb", Notes: "n.", Length: 15, Poll: 1,
				Leading: Count{Writes: 3}, Waiting: Count{Reads: 15}}),
			watched(Watch{Name: "theirs on etcd", Service: "etcd", Version: "3", Notes: "n.", Length: 15, Leading: Count{Writes: 3}}),
		},
	}
	r.Calls[4].First = Count{Reads: 1, Writes: 3}
	return r
}

func TestSection(t *testing.T) {
	t.Parallel()
	s, err := sample().Section()
	require.NoError(t, err)
	for _, line := range []string{
		"| ours on DynamoDB | 1 read, 1 write | 1 write | 1 read | 1 write | met |",
		"| ours on Azure | 1 read, 2 writes | 1 write | 1 read | 1 write | met |",
		"The very first acquire of a lease of that name, on ours on Azure: 1 read, 3 writes.",
		"| ours on DynamoDB | 720 writes | 742 reads | 1.03 | 1 read, 1 write | 1 write |",
		"| ours on S3 | 720 writes | 792 reads | 1.1 (**missed**) | 1 read, 1 write | 1 write |",
		"| theirs on DynamoDB | 720 writes | 3,600 reads | - | 1 read, 1 write | 1 write |",
		"| theirs on etcd | 720 writes | none | - | 1 read, 1 write | 1 write |",
		// 720 writes an hour at $0.625 a million, for 730 hours: $0.3285; 742 reads at $0.125: $0.0677.
		"| ours on DynamoDB | DynamoDB, on demand | $0.33 | $0.40 | $0.07 |",
		// 720 at $0.005 a thousand: $2.628; 792 at $0.0004: $0.2313.
		"| ours on S3 | S3, Standard | $2.63 | $2.86 | $0.23 |",
		"| theirs on DynamoDB | DynamoDB, on demand | $0.33 | $0.66 | $0.33 |",
		"- theirs on etcd (etcd 3): n.",
		"it was watched with one of 3 s",
	} {
		assert.Contains(t, s.Text, line)
	}
	assert.NotContains(t, s.Text, "| theirs on etcd | etcd |", "a server of one's own has no price for a request")
	assert.Contains(t, s.Key, "A renewal, a poll and a release are one request each, on every store; ")
	assert.Contains(t, s.Key, "at most 1.1 times in an acquire interval (goal: 1.05)")
	assert.Contains(t, s.Key, "from $0.40 a month (DynamoDB, on demand) to $2.86 (S3, Standard).")
	require.Len(t, s.Plots, 1)
	assert.Contains(t, string(s.Plots[0].SVG), ">theirs on etcd<")
}

func TestSectionShowsWhatIsMissed(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Calls[1].add(Count{Reads: 1, Writes: 1})
	r.Peers[0].Ended = 2
	s, err := r.Section()
	require.NoError(t, err)
	assert.Contains(t, s.Text, "| ours on DynamoDB | 1 read, 1 write | 1 times 1 write; 1 times 1 read, 1 write | 1 read | 1 write | **missed** |")
	assert.Contains(t, s.Text, "Missed: renew on ours on DynamoDB.")
	assert.Contains(t, s.Text, "While ours on DynamoDB was watched, 2 terms ended by themselves")
	assert.Contains(t, s.Key, "1 of 8 goals for the number of requests are missed")
}

func TestSectionOfWhatIsKept(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(sample())
	require.NoError(t, err)
	var again Result
	require.NoError(t, json.Unmarshal(raw, &again))
	assert.Equal(t, sample(), again, "the page is made of it without measuring again")
	_, err = Result{}.Section()
	assert.ErrorContains(t, err, "nothing to show")
}
