package dynamodb

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// fakeTable is a table of one item, below the real SDK. It is there because the emulator's Date is the emulator's to
// choose, and cannot be a table's whose clock is wrong, or days away. It knows no conditions.
type fakeTable struct {
	mu     sync.Mutex
	item   json.RawMessage
	ahead  time.Duration // of the test's clock
	took   time.Duration // by each answer, after the request was carried out
	noDate bool
}

func (f *fakeTable) Do(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var in struct {
		Item                      json.RawMessage
		ExpressionAttributeValues map[string]json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	answer := noItem
	switch old, ok := in.ExpressionAttributeValues[":old"]; {
	case in.Item == nil && f.item != nil:
		answer = anItem("Item", string(f.item))
	case ok:
		answer = anItem("Attributes", `{"lease":{"S":"a"},"version":`+string(old)+`}`)
	}
	if in.Item != nil {
		f.item = in.Item
	}
	header := headerOf(answer)
	if !f.noDate {
		header.Set("Date", time.Now().Add(f.ahead).UTC().Format(http.TimeFormat)) // rounds down
	}
	time.Sleep(f.took)
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

func (f *fakeTable) store(opts ...Option) *Store {
	return NewStore(sdk.New(sdk.Options{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: f,
	}), "leases", opts...)
}

// node is a machine of the test's, and its store.
type node struct {
	*hosttest.Machine
	*Store
	length time.Duration // of its lease
}

func newNode(f *fakeTable, bootClock bool, opts ...Option) node {
	m := hosttest.New(bootClock)
	time.Sleep(time.Nanosecond) // its boot clock is not at 0
	return node{m, f.store(opts...), time.Minute}
}

func (n node) swap(t testing.TB, old lease.Version) (lease.Version, time.Time) {
	t.Helper()
	sent := time.Now()
	version, err := n.Swap(host.With(t.Context(), n), "a", old, fmt.Appendf(nil, `{"length":%q}`, n.length))
	require.NoError(t, err)
	return version, sent
}

func (n node) load(t testing.TB) lease.Snapshot {
	t.Helper()
	snapshot, err := n.Load(host.With(t.Context(), n), "a")
	require.NoError(t, err)
	return snapshot
}

// The age is the time since the write, less the second that the bound adds, the grain and the skew, whatever the clocks of both
// machines and of the table show, and wherever in its second the table was.
func TestAge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		ahead, took   time.Duration
		writer, other time.Duration // how far their wall clocks are off
	}{
		{name: "all right"},
		{name: "a table in the middle of a second", ahead: 500 * time.Millisecond},
		{name: "a table at the end of a second", ahead: 999 * time.Millisecond},
		{name: "a table that is days ahead", ahead: 50*time.Hour + 300*time.Millisecond},
		{name: "a table that is days behind", ahead: -50 * time.Hour},
		{name: "a writer that is ahead", writer: time.Hour},
		{name: "a writer that is behind", writer: -time.Hour},
		{name: "a reader that is ahead", other: time.Hour},
		{name: "a reader that is behind", other: -time.Hour},
		{name: "slow answers", took: 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := &fakeTable{ahead: test.ahead, took: test.took}
				writer, reader := newNode(table, true), newNode(table, true)
				writer.StepWall(test.writer)
				reader.StepWall(test.other)
				require.Zero(t, writer.load(t))
				_, sent := writer.swap(t, "")
				for range 40 {
					time.Sleep(700 * time.Millisecond)
					passed := time.Since(sent) // when the table answers
					age := reader.load(t).Age
					assert.LessOrEqual(t, age, max(passed-grain-skew, 1))
					assert.GreaterOrEqual(t, age, time.Duration(1), "a nanosecond at least")
					assert.GreaterOrEqual(t, age, passed-2*grain-skew-grain-test.took)
				}
			})
		})
	}
}

// A renewal counts from the answer before it; each answer is good for the length of the lease on a machine that counts its
// sleep, and for a second elsewhere.
func TestAgeOfWhatIsWrittenLater(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		bootClock bool
		length    time.Duration // of the lease
		since     time.Duration // the answer
		known     bool
	}{
		{"a renewal", true, time.Minute, 5 * time.Second, true},
		{"at the end of a minute", true, time.Minute, time.Minute, true},
		{"after a minute", true, time.Minute, time.Minute + 1, false},
		{"a long lease", true, time.Hour, 20 * time.Minute, true},
		{"a short lease", true, 5 * time.Second, 5 * time.Second, true},
		{"a short lease that is over", true, 5 * time.Second, 5*time.Second + 1, false},
		{"at once, without a boot clock", false, time.Minute, 0, true},
		{"within a second, without a boot clock", false, time.Minute, time.Second, true},
		{"after a second, without a boot clock", false, time.Minute, time.Second + 1, false},
		{"after half a second, without a boot clock, of a lease of that", false, 500 * time.Millisecond, 500*time.Millisecond + 1, false},
		{"no lease", true, 0, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := &fakeTable{}
				writer, reader := newNode(table, test.bootClock), newNode(table, true)
				writer.length = test.length
				first, _ := writer.swap(t, "") // no answer has come before
				assert.NotContains(t, string(table.item), writtenAttribute)
				time.Sleep(test.since)
				_, sent := writer.swap(t, first)
				time.Sleep(time.Hour)
				passed, age := time.Since(sent), reader.load(t).Age
				if test.known {
					assert.InDelta(t, passed-2*grain-skew-test.since/9, age, float64(grain))
					assert.LessOrEqual(t, age, passed-grain-skew)
				} else {
					assert.Zero(t, age)
				}
			})
		})
	}
}

// S1: a clock that is slow by the margin has counted less than the time since the answer.
func TestAgeByASlowClock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		rate          float64
		length, since time.Duration
	}{
		{"right", 1, time.Hour, 20 * time.Minute},
		{"slow, at a renewal", 0.9, time.Hour, 20 * time.Minute},
		{"slow, after renewals that failed", 0.9, time.Hour, 54 * time.Minute},
		{"slow, with a short lease", 0.9, 2 * time.Minute, 40 * time.Second},
		{"fast", 1.1, time.Hour, 20 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := &fakeTable{}
				writer, reader := newNode(table, true), newNode(table, true)
				writer.Machine, writer.length = hosttest.NewWith(hosttest.Clocks{Rate: test.rate, Boot: true}), test.length
				first, _ := writer.swap(t, "")
				time.Sleep(test.since)
				_, sent := writer.swap(t, first)
				assert.Equal(t, time.Duration(1), reader.load(t).Age, "known, but for how long it has stood")
				time.Sleep(test.length)
				passed, age := time.Since(sent), reader.load(t).Age
				assert.LessOrEqual(t, age, passed-grain-skew)
				assert.GreaterOrEqual(t, age, passed-3*grain-skew-test.since/4)
			})
		})
	}
}

// R3: between an answer and the write that counts from it, the writer sleeps. If it cannot know for how long, it says
// nothing.
func TestAgeAfterSuspension(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name             string
		bootClock        bool
		asleep, stepBack time.Duration
	}{
		{"with a boot clock", true, 30 * time.Second, 0},
		{"with a boot clock, and the wall clock is stepped back", true, 30 * time.Second, 30 * time.Second},
		{"longer than an answer is good for", true, time.Hour, time.Hour},
		{"without a boot clock", false, 30 * time.Second, 0},
		{"without a boot clock, and the wall clock is stepped back", false, 30 * time.Second, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := &fakeTable{}
				writer, reader := newNode(table, test.bootClock), newNode(table, true)
				writer.load(t)
				time.Sleep(1500 * time.Millisecond)
				writer.Suspend()
				time.Sleep(test.asleep)
				writer.StepWall(-test.stepBack)
				writer.Resume()
				_, sent := writer.swap(t, "")
				for range 10 {
					assert.LessOrEqual(t, reader.load(t).Age, max(time.Since(sent)-grain-skew, 1))
					time.Sleep(time.Second)
				}
			})
		})
	}
}

// The bound counts from before the first of the SDK's own attempts, and so from before the request that was answered.
func TestAgeCountsFromBeforeTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := &fakeTable{took: 20 * time.Second}
		writer, reader := newNode(table, true), newNode(table, true)
		writer.load(t)
		table.took = 0
		_, sent := writer.swap(t, "")
		time.Sleep(time.Minute)
		assert.InDelta(t, time.Since(sent)-2*grain-skew-lag(20*time.Second), reader.load(t).Age, float64(grain),
			"the Date was 20 s old when it came, and that must not be counted as the write's age")
	})
}

// A slow answer is not taken for the latest one.
func TestAgeCountsFromTheLatestRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := &fakeTable{}
		writer := newNode(table, true)
		ctx := host.With(t.Context(), writer)
		early := lease.Now(ctx)
		time.Sleep(50 * time.Second)
		writer.load(t)
		writer.clock.heard(early, answerOf(t, table, ctx))
		time.Sleep(20 * time.Second)
		_, ok := writer.clock.bound(ctx, time.Minute)
		assert.True(t, ok)
	})
}

// What cannot be known is 0.
func TestAgeIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := &fakeTable{noDate: true}
		writer, reader := newNode(table, true), newNode(table, true)
		writer.load(t)
		writer.swap(t, "")
		assert.NotContains(t, string(table.item), writtenAttribute)
		table.noDate = false
		assert.Zero(t, reader.load(t).Age)

		writer.load(t)
		writer.swap(t, "")
		time.Sleep(time.Minute)
		require.NotZero(t, reader.load(t).Age)
		whole := string(table.item)
		for _, written := range []string{`{"S":"soon"}`, `{"S":""}`, `{"N":"7"}`, `{"S":"2999-01-01T00:00:00Z"}`} {
			table.item = json.RawMessage(strings.Replace(whole, `"written":{`, `"written":`+written+`,"before":{`, 1))
			require.NotEqual(t, whole, string(table.item))
			assert.Zero(t, reader.load(t).Age, written)
		}
		table.item, table.noDate = json.RawMessage(whole), true
		assert.Zero(t, reader.load(t).Age)
	})
}

// noItem is the answer about an item that is missing, and to the write of a new one.
const noItem = `{"ConsumedCapacity":{"TableName":"leases","CapacityUnits":1}}`

func anItem(field, item string) string {
	return strings.TrimSuffix(noItem, "}") + `,"` + field + `":` + item + "}"
}

// No age is told, and none is left for others, by the Date of an endpoint of the user's own, or without TLS, unless that is asked for.
func TestAgeOfAnOwnEndpoint(t *testing.T) {
	t.Parallel()
	at := "http://127.0.0.1:1"
	service := func(*sdk.Options) {}
	own := func(o *sdk.Options) { o.BaseEndpoint = &at }
	plain := func(o *sdk.Options) { o.EndpointOptions.DisableHTTPS = true }
	for _, test := range []struct {
		name    string
		set     func(*sdk.Options)
		opts    []Option
		wrapped bool
		known   bool
	}{
		{"the service's", service, nil, false, true},
		{"the service's, and it is not wanted", service, []Option{WithoutAge()}, false, false},
		{"one's own", own, nil, false, false},
		{"one's own, and it is wanted", own, []Option{WithAge()}, false, true},
		{"a resolver's", func(o *sdk.Options) { o.EndpointResolver = sdk.EndpointResolverFromURL(at) }, nil, false, false}, //lint:ignore SA1019 it counts
		{"the service's without TLS", plain, nil, false, false},
		{"the service's without TLS, and it is wanted", plain, []Option{WithAge()}, false, true},
		{"a wrapped client's", service, nil, true, false},
		{"a wrapped client's, and it is wanted", service, []Option{WithAge()}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := &fakeTable{}
				var client API = sdk.New(sdk.Options{
					Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: table,
				}, test.set)
				if test.wrapped {
					client = struct{ API }{client}
				}
				n := node{hosttest.New(true), NewStore(client, "leases", test.opts...), time.Minute}
				time.Sleep(time.Second)
				n.load(t)
				n.swap(t, "")
				assert.Equal(t, test.known, strings.Contains(string(table.item), writtenAttribute), "what is left for others")
				time.Sleep(time.Minute)
				if test.known {
					assert.Greater(t, n.load(t).Age, 50*time.Second)
				} else {
					assert.Zero(t, n.load(t).Age)
				}
				writer := newNode(table, true, WithAge())
				writer.load(t)
				writer.swap(t, "")
				time.Sleep(time.Minute)
				assert.Equal(t, test.known, n.load(t).Age > 0, "what others have left")
			})
		})
	}
}

// headerOf returns the header that the SDK requires of an answer.
func headerOf(answer string) http.Header {
	return http.Header{
		"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Crc32": {fmt.Sprint(crc32.ChecksumIEEE([]byte(answer)))},
	}
}

// answerOf reads the table with another store, and returns what its answer says.
func answerOf(t testing.TB, table *fakeTable, ctx context.Context) middleware.Metadata {
	t.Helper()
	client := table.store().client
	name := "leases"
	out, err := client.GetItem(ctx, &sdk.GetItemInput{TableName: &name, Key: keyOf("a")})
	require.NoError(t, err)
	return out.ResultMetadata
}
