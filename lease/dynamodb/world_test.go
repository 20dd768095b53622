package dynamodb

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// soon ends what would hang.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// newClient returns a client as a program has it, with separate connections.
func newClient(t testing.TB, opts ...func(*sdk.Options)) (*sdk.Client, *wire.Counter) {
	t.Helper()
	emulator.Need(t, emulator.DynamoDB)
	cfg, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		transport = b.GetTransport()
	}
	t.Cleanup(transport.CloseIdleConnections)
	counter := &wire.Counter{Transport: transport, Classify: kindOf}
	cfg.HTTPClient = counter.Client() // not before: the SDK refuses to put AWS_CA_BUNDLE into such a one
	return sdk.NewFromConfig(cfg, opts...), counter
}

func kindOf(r *http.Request) wire.Kind {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "GetItem", "Scan":
		return wire.Read
	case "PutItem":
		return wire.Write
	}
	return wire.Other
}

// proxied has a client send through a proxy.
func proxied(t testing.TB) (*wire.Proxy, func(*sdk.Options)) {
	t.Helper()
	p := emulator.Proxy(t, emulator.DynamoDB)
	url := p.URL()
	return p, func(o *sdk.Options) { o.BaseEndpoint = &url }
}

// newTable makes a table that is there until the test ends.
func newTable(t testing.TB, client *sdk.Client) string {
	t.Helper()
	name := emulator.Name(t)
	require.NoError(t, CreateTable(soon(t), client, name))
	t.Cleanup(func() { deleteTable(t, client, name) })
	return name
}

func deleteTable(t testing.TB, client *sdk.Client, name string) {
	_, err := client.DeleteTable(context.WithoutCancel(t.Context()), &sdk.DeleteTableInput{TableName: &name})
	require.NoError(t, err)
}

// The functions below use the plain SDK, as somebody might by hand.

func getItem(t testing.TB, client *sdk.Client, table, key string) map[string]types.AttributeValue {
	t.Helper()
	yes := true
	out, err := client.GetItem(soon(t), &sdk.GetItemInput{TableName: &table, Key: keyOf(key), ConsistentRead: &yes})
	require.NoError(t, err)
	return out.Item
}

func putItem(t testing.TB, client *sdk.Client, table string, item map[string]types.AttributeValue) {
	t.Helper()
	_, err := client.PutItem(soon(t), &sdk.PutItemInput{TableName: &table, Item: item})
	require.NoError(t, err)
}

func deleteItem(ctx context.Context, client *sdk.Client, table, key string) error {
	_, err := client.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: &table, Key: keyOf(key)})
	return err
}

func keyOf(key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"lease": &types.AttributeValueMemberS{Value: key}}
}

func request(name, holder string, length time.Duration) lease.Request {
	return lease.Request{Name: name, Holder: holder, Length: length}
}

func ended(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
