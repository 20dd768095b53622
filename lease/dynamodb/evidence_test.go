package dynamodb

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// foreignAnswers are answers that a filter, a captive portal, a proxy or another server may give, with 200 or a redirect.
var foreignAnswers = map[string]struct {
	status       int
	header, body string
}{
	"an empty body":             {200, "", ""},
	"{}":                        {200, "application/x-amz-json-1.0", "{}"},
	"{} in plain":               {200, "text/plain", "{}"},
	"[]":                        {200, "application/json", "[]"},
	"null":                      {200, "application/json", "null"},
	"a string":                  {200, "application/json", `"ok"`},
	"ok":                        {200, "text/plain", "ok"},
	"a page":                    {200, "text/html", "<!doctype html><html><body>Log in to the network</body></html>"},
	"another JSON":              {200, "application/json", `{"status":"blocked","Item":null,"Attributes":null,"Table":null}`},
	"another table's":           {200, "application/x-amz-json-1.0", `{"ConsumedCapacity":{"TableName":"others","CapacityUnits":1},"Items":[],"Count":0}`},
	"nobody's":                  {200, "application/x-amz-json-1.0", `{"ConsumedCapacity":{"CapacityUnits":1},"Items":[],"Count":0,"Table":{"TableStatus":"ACTIVE"}}`},
	"no content":                {204, "", ""},
	"a redirect to a page":      {302, "", ""},
	"a redirect without a page": {301, "", ""},
	"another redirect":          {307, "", ""},
}

// quietly has a client neither try again nor log that checksums are wrong.
func quietly(o *sdk.Options) { o.RetryMaxAttempts, o.Logger = 1, logging.Nop{} }

// Whatever answers in the service's place, no call takes it for the service's answer: no renewal stands, no lease is free or
// gone, no list is empty, and no table is there.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	held := NewStore(client, table)
	version, err := held.Swap(soon(t), "held", "", []byte("x"))
	require.NoError(t, err)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	t.Cleanup(page.Close)
	p, through := proxied(t)
	own, _ := newClient(t, through, quietly)
	s := NewStore(own, table)
	for what, a := range foreignAnswers {
		for _, identified := range []bool{false, true} { // as when a proxy replaces the body and leaves the headers
			header := http.Header{}
			if a.header != "" {
				header.Set("Content-Type", a.header)
			}
			if a.status >= 300 {
				header.Set("Location", page.URL)
			}
			if identified {
				maps.Copy(header, headerOf(a.body))
				header.Set("X-Amzn-Requestid", "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG")
			}
			p.OnEvery(wire.Reply(a.status, header, a.body))
			calls := calls(t, s)
			_, calls["Load of what is held"] = s.Load(soon(t), "held")
			_, calls["Swap of what is held"] = s.Swap(soon(t), "held", version, []byte("y"))
			calls["CreateTable"] = CreateTable(soon(t), own, table)
			for call, err := range calls {
				require.Error(t, err, "%s, %s", call, what)
				for _, kind := range []error{lease.ErrMisconfigured, lease.ErrConflict, lease.ErrRecord} {
					require.NotErrorIs(t, err, kind, "%s, %s: it may pass, and says nothing of the lease", call, what)
				}
			}
			assert.ErrorContains(t, calls["CreateTable"], table, what)
		}
	}
}

// A leader behind a filter that begins to answer renews nothing.
func TestFilteredLeader(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	p, through := proxied(t)
	own, _ := newClient(t, through, quietly)
	m := New(own, table)
	for what, a := range foreignAnswers {
		l, err := m.Acquire(soon(t), request(what, "h", time.Minute))
		require.NoError(t, err)
		p.OnEvery(wire.Reply(a.status, headerOf(a.body), a.body))
		_, err = m.Renew(soon(t), l)
		require.Error(t, err, what)
		require.NotErrorIs(t, err, lease.ErrLost, what)
		err = m.Release(soon(t), l)
		require.Error(t, err, what)
		require.NotErrorIs(t, err, lease.ErrLost, what)
		_, err = m.Acquire(soon(t), request(what+" too", "h", time.Minute))
		require.Error(t, err, what)
		require.NotErrorIs(t, err, lease.ErrHeld, what)
		p.Heal()
		_, err = m.Renew(soon(t), l)
		require.NoError(t, err, what)
	}
}

// recording keeps the bodies of a client's answers.
type recording struct {
	http.RoundTripper
	mu      sync.Mutex
	answers map[string]string // by operation
}

func (r *recording) Do(req *http.Request) (*http.Response, error) {
	resp, err := r.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	_, operation, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	r.mu.Lock()
	r.answers[operation] = string(body)
	r.mu.Unlock()
	return resp, err
}

// genuine are the answers that a table gave: of the creation of a cell, of each other call, and the versions that it has had.
type genuine struct {
	table         string
	created       string
	by            map[string]string // operation
	first, second lease.Version
}

func newGenuine(t *testing.T) genuine {
	client, _ := newClient(t)
	table := newTable(t, client)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	seen := &recording{RoundTripper: transport, answers: map[string]string{}}
	s := NewStore(sdk.New(client.Options(), func(o *sdk.Options) { o.HTTPClient = seen }), table)
	first, err := s.Swap(soon(t), "a", "", []byte("x"))
	require.NoError(t, err)
	created := seen.answers["PutItem"]
	second, err := s.Swap(soon(t), "a", first, []byte("y"))
	require.NoError(t, err)
	_, err = s.Load(soon(t), "a")
	require.NoError(t, err)
	for _, err := range s.List(soon(t), "") {
		require.NoError(t, err)
	}
	require.NoError(t, CreateTable(soon(t), s.client.(*sdk.Client), table))
	return genuine{table, created, seen.answers, first, second}
}

// repeats returns a store whose service repeats an answer.
func (g genuine) repeats() (*scripted, *Store) {
	says := &scripted{}
	return says, NewStore(sdk.New(sdk.Options{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: says, RetryMaxAttempts: 1,
	}), g.table)
}

// A genuine answer that is cut off anywhere is none.
func TestBrokenOffAnswers(t *testing.T) {
	t.Parallel()
	g := newGenuine(t)
	says, s := g.repeats()
	for operation, call := range map[string]func(ctx context.Context) error{
		"GetItem": func(ctx context.Context) error { _, err := s.Load(ctx, "a"); return err },
		"PutItem": func(ctx context.Context) error { _, err := s.Swap(ctx, "a", g.first, []byte("y")); return err },
		"Scan": func(ctx context.Context) (err error) {
			for _, err = range s.List(ctx, "") {
			}
			return err
		},
		"DescribeTable": func(ctx context.Context) error { return CreateTable(ctx, s.client.(*sdk.Client), g.table) },
	} {
		whole := g.by[operation]
		says.answer = whole
		require.NoError(t, call(soon(t)), "%s: %s", operation, whole)
		for n := range len(whole) {
			says.answer = whole[:n]
			require.Error(t, call(soon(t)), "%s: %s", operation, says.answer)
		}
	}
}

// Nor does the table's answer to another request count.
func TestAnswersToOtherRequests(t *testing.T) {
	t.Parallel()
	g := newGenuine(t)
	says, s := g.repeats()
	says.answer = g.by["GetItem"]
	_, err := s.Load(soon(t), "b")
	require.ErrorContains(t, err, "another item")
	_, err = s.Swap(soon(t), "a", g.second, []byte("z"))
	require.ErrorContains(t, err, "it does not show the item that it replaced")
	says.answer = g.created
	_, err = s.Swap(soon(t), "a", g.second, []byte("z"))
	require.ErrorContains(t, err, "it does not show the item that it replaced")
	says.answer = g.by["PutItem"] // it shows the first version, which has been replaced
	_, err = s.Swap(soon(t), "b", g.first, []byte("z"))
	require.ErrorContains(t, err, "another item")
	for _, old := range []lease.Version{g.second, ""} {
		_, err = s.Swap(soon(t), "a", old, []byte("z"))
		require.ErrorIs(t, err, lease.ErrMisconfigured, "a server that passes over the condition elects everybody")
		require.ErrorContains(t, err, "passes over conditions")
	}
	says.answer = g.by["DescribeTable"]
	_, err = s.Load(soon(t), "a")
	require.ErrorContains(t, err, "is not DynamoDB's own")
	says.answer = g.by["Scan"]
	require.ErrorContains(t, CreateTable(soon(t), s.client.(*sdk.Client), g.table), "is not DynamoDB's own")
}

// scripted is a service that gives one answer to all.
type scripted struct{ answer string }

func (s *scripted) Do(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: 200, Header: headerOf(s.answer), Body: io.NopCloser(strings.NewReader(s.answer))}, nil
}

// dummy is a client of somebody's own making that fills in nothing, or nothing at all.
type dummy struct{ none bool }

func (d dummy) GetItem(context.Context, *sdk.GetItemInput, ...func(*sdk.Options)) (*sdk.GetItemOutput, error) {
	if d.none {
		return nil, nil
	}
	return &sdk.GetItemOutput{}, nil
}

func (d dummy) PutItem(context.Context, *sdk.PutItemInput, ...func(*sdk.Options)) (*sdk.PutItemOutput, error) {
	if d.none {
		return nil, nil
	}
	return &sdk.PutItemOutput{}, nil
}

func (d dummy) Scan(context.Context, *sdk.ScanInput, ...func(*sdk.Options)) (*sdk.ScanOutput, error) {
	if d.none {
		return nil, nil
	}
	return &sdk.ScanOutput{}, nil
}

// A server that never comes to the end of a list keeps nobody for ever.
func TestListThatGoesRound(t *testing.T) {
	t.Parallel()
	round := `{"ConsumedCapacity":{"TableName":"leases","CapacityUnits":1},"Items":[],"Count":0,"LastEvaluatedKey":{"lease":{"S":"a"}}}`
	table := &told{answer: round, took: time.Millisecond}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, err := range table.store().List(ctx, "") {
		require.ErrorContains(t, err, "it says that the list goes on where it has just begun")
		return
	}
	t.Error("the list ends as if it was whole")
}

func TestClientsThatProveNothing(t *testing.T) {
	t.Parallel()
	for _, none := range []bool{false, true} {
		for what, err := range calls(t, NewStore(dummy{none}, "leases")) {
			require.ErrorContains(t, err, "is not DynamoDB's own", what)
		}
	}
	for _, d := range []*sdk.DescribeTableOutput{nil, {}} {
		require.ErrorContains(t, CreateTable(t.Context(), describer{d}, "leases"), "it does not describe this table")
	}
}

type describer struct{ out *sdk.DescribeTableOutput }

func (d describer) CreateTable(context.Context, *sdk.CreateTableInput, ...func(*sdk.Options)) (*sdk.CreateTableOutput, error) {
	return nil, nil
}

func (d describer) DescribeTable(context.Context, *sdk.DescribeTableInput, ...func(*sdk.Options)) (*sdk.DescribeTableOutput, error) {
	return d.out, nil
}

// wrapped is a client that somebody has wrapped, and whose errors are bare.
type wrapped struct{ API }

func (w wrapped) PutItem(ctx context.Context, in *sdk.PutItemInput, opts ...func(*sdk.Options)) (*sdk.PutItemOutput, error) {
	out, err := w.API.PutItem(ctx, in, opts...)
	return out, bare(err)
}

// A client that is wrapped works as the client does.
func TestWrappedClient(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	m, other := New(wrapped{client}, table), New(wrapped{client}, table)
	l, err := m.Acquire(soon(t), request("a", "h", time.Minute))
	require.NoError(t, err)
	l, err = m.Renew(soon(t), l)
	require.NoError(t, err)
	_, err = other.Acquire(soon(t), request("a", "i", time.Minute))
	require.ErrorIs(t, err, lease.ErrHeld)
	_, err = NewStore(wrapped{client}, table).Swap(soon(t), "a", "", []byte("x"))
	require.ErrorIs(t, err, lease.ErrConflict)
	require.NoError(t, m.Release(soon(t), l))
}

// The table may be named by its ARN, as it is for one of another account.
func TestTableByARN(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	found, err := client.DescribeTable(soon(t), &sdk.DescribeTableInput{TableName: &table})
	require.NoError(t, err)
	arn := *found.Table.TableArn
	s := NewStore(client, arn)
	version, err := s.Swap(soon(t), "a", "", []byte("x"))
	require.NoError(t, err)
	_, err = s.Swap(soon(t), "a", version, []byte("y"))
	require.NoError(t, err)
	_, err = s.Load(soon(t), "a")
	require.NoError(t, err)
	require.NoError(t, CreateTable(soon(t), client, arn))
	for named, want := range map[string]bool{arn: true, table: true, table + "x": false, "": false} {
		assert.Equal(t, want, s.named(&types.ConsumedCapacity{TableName: &named}), named)
	}
}
