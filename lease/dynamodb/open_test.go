package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	region := client.Options().Region
	m, err := lease.Open(soon(t), "dynamodb://"+table+"?region="+region+"&prefix=a%2F")
	require.NoError(t, err)
	_, err = m.Acquire(soon(t), request("orders", "h", time.Minute))
	require.NoError(t, err)
	assert.NotEmpty(t, getItem(t, client, table, "a/orders"))
	assert.Regexp(t, "^dynamodb://"+table+`\?(endpoint=[^&]+&)?prefix=a/&region=`+region+"$", fmt.Sprint(m))

	other, err := lease.Open(soon(t), "dynamodb://"+table+"/")
	require.NoError(t, err)
	info, err := lease.Inspect(soon(t), other, "a/orders")
	require.NoError(t, err)
	assert.Equal(t, lease.Held, info.State)
	require.NoError(t, lease.Close(m))
	require.NoError(t, lease.Close(other))
}

// isolated has the SDK find nothing but what the test sets.
func isolated(t *testing.T) (configFile string) {
	configFile = filepath.Join(t.TempDir(), "config")
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", configFile)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", configFile)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return configFile
}

// The client sends requests as the URL says. The service is a stand-in that shows requests, which the emulator does not.
func TestOpenConfigures(t *testing.T) {
	config := isolated(t)
	requests := make(chan *http.Request, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		maps.Copy(w.Header(), headerOf(noItem))
		_, _ = w.Write([]byte(noItem))
	}))
	connections := wire.CountConnections(server)
	server.Start()
	defer server.Close()
	require.NoError(t, os.WriteFile(config, []byte("[profile staging]\nregion = eu-north-1\naws_access_key_id = STAGING\n"+
		"aws_secret_access_key = secret\n"), 0o600))

	for _, test := range []struct{ query, env, scope string }{
		{"?profile=staging&endpoint=" + url.QueryEscape(server.URL), "", "Credential=STAGING/.*/eu-north-1/dynamodb/"},
		{"?profile=staging&region=eu-west-3&endpoint=" + url.QueryEscape(server.URL), "", "Credential=STAGING/.*/eu-west-3/dynamodb/"},
		{"?profile=staging", server.URL, "Credential=STAGING/.*/eu-north-1/dynamodb/"},
	} {
		t.Setenv("AWS_ENDPOINT_URL", test.env)
		m, err := lease.Open(soon(t), "dynamodb://leases"+test.query)
		require.NoError(t, err)
		_, err = lease.Inspect(soon(t), m, "a")
		require.NoError(t, err)
		assert.Regexp(t, test.scope, (<-requests).Header.Get("Authorization"))
		require.NoError(t, lease.Close(m))
		require.Eventually(t, func() bool { return connections.Open() == 0 }, 10*time.Second, time.Millisecond, "Close leaves the connection open")
	}
}

func TestOpenWithoutCredentials(t *testing.T) {
	isolated(t)
	m, err := lease.Open(soon(t), "dynamodb://leases?region=eu-west-1")
	require.NoError(t, err)
	_, err = lease.Inspect(soon(t), m, "a")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	assert.ErrorContains(t, err, "there are no AWS credentials")
}

// A role that may not be taken on is as bad as no credentials; a service that is down gives them later. The token
// service is a stand-in: the emulators have none.
func TestOpenWithRole(t *testing.T) {
	config := isolated(t)
	p := wire.NewProxy(t, "http://127.0.0.1:1")
	require.NoError(t, os.WriteFile(config, []byte("[profile base]\naws_access_key_id = A\naws_secret_access_key = B\n"+
		"[profile role]\nregion = eu-west-1\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = base\n"), 0o600))
	t.Setenv("AWS_ENDPOINT_URL_STS", p.URL())
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	for _, test := range []struct {
		status        int
		code          string
		misconfigured bool
	}{{403, "AccessDenied", true}, {500, "InternalFailure", false}, {400, "Throttling", false}, {400, "IDPCommunicationError", false}} {
		p.OnEvery(wire.Reply(test.status, http.Header{"Content-Type": {"text/xml"}},
			"<ErrorResponse><Error><Type>Sender</Type><Code>"+test.code+"</Code><Message>made up</Message></Error></ErrorResponse>"))
		m, err := lease.Open(soon(t), "dynamodb://leases?profile=role")
		require.NoError(t, err)
		_, err = lease.Inspect(soon(t), m, "a")
		require.ErrorContains(t, err, "made up")
		if test.misconfigured {
			require.ErrorIs(t, err, lease.ErrMisconfigured)
			assert.ErrorContains(t, err, "allow sts:AssumeRole on the role")
		} else {
			require.NotErrorIs(t, err, lease.ErrMisconfigured)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	isolated(t)
	for _, test := range []struct{ url, want string }{
		{"dynamodb://leases", "no AWS region is set there, in AWS_REGION or in ~/.aws/config"},
		{"dynamodb://?region=eu-west-1", "names no table"},
		{"dynamodb:leases?region=eu-west-1", "names no table"},
		{"dynamodb://leases:80?region=eu-west-1", "more in it"},
		{"dynamodb://leases/orders?region=eu-west-1", "more in it"},
		{"dynamodb://me@leases?region=eu-west-1", "more in it"},
		{"dynamodb://leases?region=eu-west-1#x", "more in it"},
		{"dynamodb://leases?zone=eu-west-1", "knows: region, profile, role_arn, role_session_name, external_id, endpoint, prefix, partition_key, sort_key, sort_value, age"},
		{"dynamodb://leases?region=eu-west-1&profile=nobody", "failed to get shared config profile"},
		{"dynamodb://leases?region=eu-west-1&age=old", "age is true or false"},
		{"dynamodb://leases?region=eu-west-1&partition_key=data", "cannot be an attribute data"},
		{"dynamodb://leases?region=eu-west-1&sort_key=lease&sort_value=x", "cannot be one attribute"},
		{"dynamodb://leases?region=eu-west-1&sort_key=sk", "a sort key has a value"},
		{"dynamodb://leases?region=eu-west-1&sort_value=x", "no name of one"},
		{"dynamodb://leases?region=eu-west-1&role_arn=x", "role_arn is not an ARN"},
		{"dynamodb://leases?region=eu-west-1&endpoint=leases", "endpoint is the address of a server"},
		{"dynamodb://dynamodb.eu-west-1.amazonaws.com/leases", "write the place as dynamodb://table"},
	} {
		_, err := lease.Open(soon(t), test.url)
		require.ErrorIs(t, err, lease.ErrMisconfigured, test.url)
		assert.ErrorContains(t, err, test.want)
	}
	_, err := lease.Open(ended(t), "dynamodb://leases?region=eu-west-1&profile=nobody")
	require.ErrorIs(t, err, context.Canceled)
}

// The client that was passed to New is not closed.
func TestCloseOfWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	client, counter := newClient(t)
	table := newTable(t, client)
	m := New(client, table)
	require.NoError(t, lease.Close(m))
	_, err := m.Acquire(soon(t), request("a", "h", time.Minute))
	require.NoError(t, err)
	require.NotEmpty(t, counter.Requests())
}

func TestCreateTable(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	name := emulator.Name(t)
	t.Cleanup(func() { deleteTable(t, client, name) })
	errs := make(chan error, 4) // it may be called by a whole fleet that starts
	for range cap(errs) {
		go func() { errs <- CreateTable(soon(t), client, name) }()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	found, err := client.DescribeTable(soon(t), &sdk.DescribeTableInput{TableName: &name})
	require.NoError(t, err)
	assert.Equal(t, types.BillingModePayPerRequest, found.Table.BillingModeSummary.BillingMode)
	assert.Equal(t, types.TableStatusActive, found.Table.TableStatus)
	require.NoError(t, CreateTable(soon(t), client, name))

	_, err = NewStore(client, name).Swap(soon(t), "a", "", []byte("x"))
	require.NoError(t, err)
	require.NoError(t, CreateTable(soon(t), client, name))
	assert.NotEmpty(t, getItem(t, client, name, "a"), "CreateTable leaves what is there")

	require.ErrorIs(t, CreateTable(soon(t), client, "no name"), lease.ErrMisconfigured)
	require.ErrorIs(t, CreateTable(ended(t), client, emulator.Name(t)), context.Canceled)
}

// slowTable is being made for a while, which the emulator's are not.
type slowTable struct {
	states []types.TableStatus // empty: there is none
	failed error
}

func (s *slowTable) CreateTable(context.Context, *sdk.CreateTableInput, ...func(*sdk.Options)) (*sdk.CreateTableOutput, error) {
	s.states = []types.TableStatus{types.TableStatusCreating, types.TableStatusCreating, types.TableStatusActive}
	return &sdk.CreateTableOutput{}, s.failed
}

func (s *slowTable) DescribeTable(_ context.Context, in *sdk.DescribeTableInput, _ ...func(*sdk.Options)) (*sdk.DescribeTableOutput, error) {
	if len(s.states) == 0 {
		return nil, &types.ResourceNotFoundException{}
	}
	state := s.states[0]
	if len(s.states) > 1 {
		s.states = s.states[1:]
	}
	return &sdk.DescribeTableOutput{Table: &types.TableDescription{
		TableName: in.TableName, TableStatus: state,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("lease"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("lease"), AttributeType: "S"}},
	}}, nil
}

// Of several calls at once, only the one that made the table says so.
func TestWhoMadeTheTable(t *testing.T) {
	t.Parallel()
	for want, table := range map[bool]*slowTable{true: {}, false: {failed: &types.ResourceInUseException{}}} {
		synctest.Test(t, func(t *testing.T) {
			made, err := NewStore(struct {
				API
				TableAPI
			}{TableAPI: table}, "leases").MakePlace(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, want, made)
		})
	}
	client, _ := newClient(t)
	name := emulator.Name(t)
	t.Cleanup(func() { deleteTable(t, client, name) })
	const calls = 4
	answers := make(chan bool, calls)
	for range calls {
		go func() {
			made, err := NewStore(client, name).MakePlace(soon(t), "")
			assert.NoError(t, err)
			answers <- made
		}()
	}
	makers := 0
	for range calls {
		if <-answers {
			makers++
		}
	}
	require.Equal(t, 1, makers)
}

type neverTable struct{}

func (neverTable) CreateTable(context.Context, *sdk.CreateTableInput, ...func(*sdk.Options)) (*sdk.CreateTableOutput, error) {
	return &sdk.CreateTableOutput{}, nil
}

func (neverTable) DescribeTable(context.Context, *sdk.DescribeTableInput, ...func(*sdk.Options)) (*sdk.DescribeTableOutput, error) {
	time.Sleep(time.Millisecond) // the SDK's waiter counts on the time that an answer takes
	return nil, &types.ResourceNotFoundException{}
}

func TestCreateTableWaits(t *testing.T) {
	t.Parallel()
	for _, failed := range []error{nil, &types.ResourceInUseException{}} { // the latter: somebody else has begun to make it
		synctest.Test(t, func(t *testing.T) {
			table := &slowTable{failed: failed}
			require.NoError(t, CreateTable(t.Context(), table, "leases"))
			require.Len(t, table.states, 1)

			table = &slowTable{states: []types.TableStatus{types.TableStatusCreating}}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			require.ErrorIs(t, CreateTable(ctx, table, "leases"), context.DeadlineExceeded)
		})
	}
	synctest.Test(t, func(t *testing.T) { // something says 200 to CreateTable, and there is no table
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, CreateTable(ctx, neverTable{}, "leases"), context.DeadlineExceeded)
		require.ErrorContains(t, CreateTable(t.Context(), neverTable{}, "leases"), "exceeded max wait time")
	})
	for _, test := range []struct {
		status        types.TableStatus
		says          string // empty: it can be used
		misconfigured bool
	}{
		{types.TableStatusUpdating, "", false},
		{types.TableStatusDeleting, "try again when it is gone", false},
		{types.TableStatusInaccessibleEncryptionCredentials, "KMS key", true},
		{types.TableStatusArchived, "KMS key", true},
		{"PARKED", `"PARKED"`, false},
	} {
		err := CreateTable(t.Context(), &slowTable{states: []types.TableStatus{test.status}}, "leases")
		if test.says == "" {
			require.NoError(t, err, test.status)
			continue
		}
		require.ErrorContains(t, err, test.says)
		assert.Equal(t, test.misconfigured, errors.Is(err, lease.ErrMisconfigured), test.status)
	}
	table := &slowTable{failed: &types.LimitExceededException{Message: aws.String("too many tables")}}
	require.ErrorContains(t, CreateTable(t.Context(), table, "leases"), "too many tables")
}
