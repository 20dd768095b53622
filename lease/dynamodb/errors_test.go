package dynamodb

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// bare is the service's error without what the SDK wraps it in.
func bare(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api
	}
	return err
}

// calls are the store's methods, for what all of them answer alike.
func calls(t testing.TB, s *Store) map[string]error {
	_, load := s.Load(soon(t), "a")
	_, create := s.Swap(soon(t), "a", "", []byte("x"))
	_, swap := s.Swap(soon(t), "a", "version", []byte("x"))
	var list error
	for _, err := range s.List(soon(t), "a") {
		list = err
	}
	return map[string]error{"Load": load, "Swap of a new cell": create, "Swap": swap, "List": list}
}

func TestMissingTable(t *testing.T) {
	t.Parallel()
	client, counter := newClient(t)
	s := NewStore(client, emulator.Name(t))
	for what, err := range calls(t, s) {
		require.ErrorIs(t, err, lease.ErrMisconfigured, what)
		assert.ErrorContains(t, err, "create the table with dynamodb.CreateTable")
		_, ok := errors.AsType[*types.ResourceNotFoundException](err)
		assert.True(t, ok, "the SDK's error is hidden")
	}
	assert.Len(t, counter.Requests(), 4, "a permanent error is not tried again")
}

// A table with another key is refused by the calls, and by CreateTable.
func TestTableWithAnotherKey(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	for what, key := range map[string][]string{
		"another name": {"id S"}, "a number": {"lease N"}, "bytes": {"lease B"}, "a sort key": {"lease S", "at S"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			in := &sdk.CreateTableInput{TableName: aws.String(emulator.Name(t)), BillingMode: types.BillingModePayPerRequest}
			for i, part := range key {
				name, kind, _ := strings.Cut(part, " ")
				in.KeySchema = append(in.KeySchema, types.KeySchemaElement{
					AttributeName: &name, KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i],
				})
				in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
					AttributeName: &name, AttributeType: types.ScalarAttributeType(kind),
				})
			}
			_, err := client.CreateTable(soon(t), in)
			require.NoError(t, err)
			t.Cleanup(func() { deleteTable(t, client, *in.TableName) })
			_, err = sdk.NewTableExistsWaiter(client).WaitForOutput(soon(t), &sdk.DescribeTableInput{TableName: in.TableName}, lease.MakeTimeout)
			require.NoError(t, err)

			errs := calls(t, NewStore(client, *in.TableName))
			delete(errs, "List") // there is no lease in it
			errs["CreateTable"] = CreateTable(soon(t), client, *in.TableName)
			for what, err := range errs {
				require.ErrorIs(t, err, lease.ErrMisconfigured, what)
				assert.ErrorContains(t, err, `the partition key "lease" of type S`)
			}
			assert.ErrorContains(t, errs["CreateTable"], *in.TableName)
		})
	}
}

// The emulator refuses nobody, and is never overloaded; so these answers are made up, as the service's pages have them.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const namespace = "com.amazonaws.dynamodb.v20120810#"
	var tested sync.Map
	for _, test := range []struct {
		status int
		code   string
		want   error  // nil: it is temporary
		advice string // what to do
	}{
		{400, "AccessDeniedException", lease.ErrMisconfigured, "allow "},
		{400, "UnrecognizedClientException", lease.ErrMisconfigured, "renew or replace the AWS credentials"},
		{400, "InvalidSignatureException", lease.ErrMisconfigured, "renew or replace the AWS credentials"},
		{400, "IncompleteSignatureException", lease.ErrMisconfigured, "renew or replace the AWS credentials"},
		{400, "MissingAuthenticationTokenException", lease.ErrMisconfigured, "renew or replace the AWS credentials"},
		{400, "ExpiredTokenException", lease.ErrMisconfigured, "renew or replace the AWS credentials"},
		{403, "InvalidClientTokenId", lease.ErrMisconfigured, "renew or replace the AWS credentials"},
		{400, "ResourceNotFoundException", lease.ErrMisconfigured, "create the table with dynamodb.CreateTable"},
		{400, "ValidationException", lease.ErrMisconfigured, "with WithPartitionKey and WithSortKey"},
		{400, "AccessDenied", lease.ErrMisconfigured, "allow "},
		{400, "NotAuthorized", lease.ErrMisconfigured, "allow "},
		{403, "OptInRequired", lease.ErrMisconfigured, "activate the service"},
		{403, "NotSignedUp", lease.ErrMisconfigured, "activate the service"},
		{400, "SubscriptionRequiredException", lease.ErrMisconfigured, "activate the service"},
		{400, "ConditionalCheckFailedException", lease.ErrConflict, ""},
		{400, "TransactionConflictException", lease.ErrConflict, ""},
		{400, "ReplicatedWriteConflictException", lease.ErrConflict, ""},
		{400, "ProvisionedThroughputExceededException", nil, ""},
		{400, "ThrottlingException", nil, ""},
		{400, "RequestLimitExceeded", nil, ""},
		{400, "ItemCollectionSizeLimitExceededException", nil, ""},
		{400, "LimitExceededException", nil, ""},
		{400, "ResourceInUseException", nil, ""},
		{400, "RequestExpired", nil, "set this machine's clock"},
		{400, "SomethingNewException", nil, ""},
		{500, "InternalFailure", nil, ""},
		{500, "InternalServerError", nil, ""},
		{503, "ServiceUnavailable", nil, ""},
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			p := wire.NewProxy(t, "http://127.0.0.1:1")
			answer := `{"__type":"` + namespace + test.code + `","message":"made up"}`
			p.OnEvery(wire.Reply(test.status, headerOf(answer), answer))
			url := p.URL()
			s := NewStore(sdk.New(sdk.Options{
				Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
				Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
			}), "leases")
			for what, err := range calls(t, s) {
				require.Error(t, err, what)
				for _, err := range []error{err, classify(t.Context(), bare(err))} { // the latter is of a wrapped client
					for _, kind := range []error{lease.ErrMisconfigured, lease.ErrConflict, lease.ErrRecord, lease.ErrInvalid} {
						assert.Equal(t, kind == test.want, errors.Is(err, kind), "%s: %v: %v", what, err, kind)
					}
					assert.ErrorContains(t, err, test.advice)
					errtest.Advice(t, err)
					assert.ErrorContains(t, err, "made up")
				}
			}
			if strings.HasPrefix(test.advice, "allow") {
				errs := calls(t, s)
				assert.ErrorContains(t, errs["Load"], "allow dynamodb:GetItem on the table")
				assert.ErrorContains(t, errs["Swap"], "allow dynamodb:PutItem on the table")
				assert.ErrorContains(t, errs["List"], "allow dynamodb:Scan on the table")
				assert.ErrorContains(t, CreateTable(soon(t), s.client.(*sdk.Client), "leases"), "allow dynamodb:DescribeTable on the table")
			}
			if m, ok := meanings[test.code]; ok {
				assert.Contains(t, m.source, "https://docs.aws.amazon.com/amazondynamodb/")
			}
			tested.Store(test.code, true)
		})
	}
	t.Cleanup(func() {
		for code := range meanings {
			_, ok := tested.Load(code)
			assert.True(t, ok, "%s has a meaning that is not tested", code)
		}
	})
}

// What DynamoDB repeats of KMS's is about the key, not about the table or this program's permission to read it.
func TestAnswersAboutTheKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ code, message, advice string }{
		{"AccessDeniedException", "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: User: arn:aws:iam::1:user/x is not authorized to " +
			"perform: kms:Decrypt on resource: y (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException)", "check the KMS key"},
		{"ValidationException", "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: arn:aws:kms:eu-west-1:1:key/x is disabled.", "aws kms enable-key"},
		{"ResourceNotFoundException", "KMS validation error: com.amazonaws.services.kms.model.NotFoundException: Key 'x' does not exist", "does not exist in this Region"},
		{"ValidationException", "KMS validation error: com.amazonaws.services.kms.model.KMSInvalidStateException: x is pending deletion.", "aws kms cancel-key-deletion"},
		{"ValidationException", "KMS internal error: com.amazonaws.services.kms.model.KMSInternalException: made up", ""},
	} {
		p := wire.NewProxy(t, "http://127.0.0.1:1")
		answer := fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, test.code, test.message)
		p.OnEvery(wire.Reply(400, headerOf(answer), answer))
		url := p.URL()
		s := NewStore(sdk.New(sdk.Options{
			Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		}), "leases")
		for what, err := range calls(t, s) {
			require.ErrorContains(t, err, "kms.model", what)
			if test.advice == "" {
				require.NotErrorIs(t, err, lease.ErrMisconfigured, what)
				continue
			}
			require.ErrorIs(t, err, lease.ErrMisconfigured, what)
			assert.ErrorContains(t, err, test.advice, what)
			assert.NotContains(t, err.Error(), "allow dynamodb:", what)
		}
	}
}

// What is wrong with a table's name is not said of its key.
func TestTableNames(t *testing.T) {
	t.Parallel()
	client, counter := newClient(t)
	for _, name := range []string{"", "ab", "no name", strings.Repeat("n", 256)} {
		errs := calls(t, NewStore(client, name))
		errs["CreateTable"] = CreateTable(soon(t), client, name)
		_, errs["MakePlace"] = NewStore(client, name).MakePlace(soon(t), "")
		for what, err := range errs {
			require.ErrorIs(t, err, lease.ErrMisconfigured, "%s %q", what, name)
			require.ErrorContains(t, err, "3 to 255 letters", "%s %q", what, name)
			errtest.Advice(t, err)
		}
		if name == "" {
			assert.Empty(t, counter.Requests())
		}
	}
	for message, ofTheName := range map[string]bool{
		"Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'": true,
		"TableName must be at least 3 characters long and at most 255 characters long":                                                                                 true,
		"1 validation error detected: Value 'x y' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+":        true,

		"The provided key element does not match the schema":                                      false,
		"One or more parameter values were invalid: Missing the key id in the item":               false,
		"One or more parameter values were invalid: Type mismatch for key lease expected: N":      false,
		"The table does not have the specified index: names":                                      false,
		"One or more parameter values are not valid. The update expression attempted to update a": false,
	} {
		err := classify(t.Context(), &smithy.GenericAPIError{Code: "ValidationException", Message: message})
		require.ErrorIs(t, err, lease.ErrMisconfigured, message)
		assert.Equal(t, ofTheName, strings.Contains(err.Error(), "3 to 255 letters"), message)
		assert.Equal(t, !ofTheName, strings.Contains(err.Error(), "WithPartitionKey"), message)
	}
}

// Without a client, every call says so.
func TestNoClient(t *testing.T) {
	t.Parallel()
	for what, client := range map[string]API{"nil": nil, "a nil client": (*sdk.Client)(nil), "another's nil client": (*embedding)(nil)} {
		s := NewStore(client, "leases")
		assert.Equal(t, "dynamodb://leases", s.String())
		errs := calls(t, s)
		_, errs["MakePlace"] = s.MakePlace(soon(t), "")
		_, errs["Acquire"] = New(client, "leases").Acquire(soon(t), request("a", "h", time.Minute))
		for call, err := range errs {
			require.ErrorIs(t, err, lease.ErrMisconfigured, "%s: %s", what, call)
			errtest.Advice(t, err)
		}
	}
	for _, client := range []TableAPI{nil, (*sdk.Client)(nil)} {
		require.ErrorIs(t, CreateTable(soon(t), client, "leases"), lease.ErrMisconfigured)
	}
}

// embedding is a client that somebody has added something to.
type embedding struct{ *sdk.Client }

func TestNoConnection(t *testing.T) {
	t.Parallel()
	p := wire.NewProxy(t, "http://127.0.0.1:1")
	p.Refuse()
	url := p.URL()
	for what, err := range calls(t, NewStore(sdk.New(sdk.Options{
		Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}), "leases")) {
		require.Error(t, err, what)
		assert.NotErrorIs(t, err, lease.ErrMisconfigured)
		assert.NotErrorIs(t, err, lease.ErrConflict)
	}
}

func TestNoRegion(t *testing.T) {
	t.Parallel()
	client := sdk.New(sdk.Options{Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	for what, err := range calls(t, NewStore(client, "leases")) {
		require.ErrorIs(t, err, lease.ErrMisconfigured, what)
		assert.ErrorContains(t, err, "set AWS_REGION")
	}
}

func TestKeyTooLong(t *testing.T) {
	t.Parallel()
	client, counter := newClient(t)
	table := newTable(t, client)
	before := len(counter.Requests())
	for _, prefix := range []string{strings.Repeat("p", 2048), "\xff"} {
		s := NewStore(client, table, WithPrefix(prefix))
		errs := calls(t, s)
		_, errs["MakePlace"] = s.MakePlace(soon(t), "")
		for what, err := range errs {
			require.ErrorIs(t, err, lease.ErrMisconfigured, what)
			assert.ErrorContains(t, err, "use a shorter prefix", what)
		}
	}
	_, err := NewStore(client, table, WithPrefix(strings.Repeat("p", 2040))).Load(soon(t), "123456789")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	require.ErrorContains(t, err, "use a shorter prefix")
	assert.Len(t, counter.Requests(), before, "nothing is sent, and no list is billed")

	longest := strings.Repeat("n", 255)
	s := NewStore(client, table, WithPrefix(strings.Repeat("p", 2048-255)))
	version, err := s.Swap(soon(t), longest, "", []byte("x"))
	require.NoError(t, err)
	found, err := s.Load(soon(t), longest)
	require.NoError(t, err)
	assert.Equal(t, version, found.Version)
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	client, counter := newClient(t)
	s := NewStore(client, "leases")
	_, err := s.Load(soon(t), "")
	require.ErrorIs(t, err, lease.ErrInvalid)
	_, err = s.Swap(soon(t), "", "", nil)
	require.ErrorIs(t, err, lease.ErrInvalid)
	for _, data := range []string{"\xff", strings.Repeat("x", lease.MaxCell+1)} {
		_, err = s.Swap(soon(t), "a", "", []byte(data))
		require.ErrorIs(t, err, lease.ErrInvalid)
	}
	assert.Empty(t, counter.Requests())
}

// Items that are not this library's are reported, and never overwritten.
func TestForeignItems(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	s := NewStore(client, table, WithPrefix("p/"))
	for what, attributes := range map[string]map[string]types.AttributeValue{
		"nothing":           {},
		"other attributes":  {"owner": text("x"), "expires": &types.AttributeValueMemberN{Value: "7"}},
		"no version":        {"data": text("x")},
		"an empty version":  {"data": text("x"), "version": text("")},
		"a number":          {"data": text("x"), "version": &types.AttributeValueMemberN{Value: "7"}},
		"no data":           {"version": text("v")},
		"data in bytes":     {"data": &types.AttributeValueMemberB{Value: []byte("x")}, "version": text("v")},
		"data in structure": {"data": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}, "version": text("v")},
	} {
		item := keyOf("p/" + what)
		for name, value := range attributes {
			item[name] = value
		}
		putItem(t, client, table, item)
		_, err := s.Load(soon(t), what)
		require.ErrorIs(t, err, lease.ErrRecord, what)
		assert.ErrorContains(t, err, fmt.Sprintf("the item %q has", "p/"+what))
		_, err = s.Swap(soon(t), what, "", []byte("y"))
		require.ErrorIs(t, err, lease.ErrConflict, what)
		assert.Equal(t, item, getItem(t, client, table, "p/"+what))

		_, err = lease.NewManager(s).Acquire(soon(t), request(what, "h", time.Minute))
		require.ErrorIs(t, err, lease.ErrRecord, what)
		assert.Equal(t, item, getItem(t, client, table, "p/"+what))
	}
}
