package dynamodb

import (
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/lease"
)

// The stored form is a contract with the programs of other versions.
func TestItemAsStored(t *testing.T) {
	t.Parallel()
	s := NewStore(dummy{}, "table", WithPrefix("prod/"))
	key, err := s.key("orders")
	require.NoError(t, err)
	in := s.put(key, "", "a nonce", []byte("a cell"))
	require.Equal(t, item{"lease": text("prod/orders"), "data": text("a cell"), "version": text("a nonce")}, item(in.Item))
	require.Equal(t, "written", writtenAttribute)
}

// Tables that are there have other keys, and may have a sort key.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	name := emulator.Name(t)
	changed := func(in *sdk.CreateTableInput) {
		pk, sk := "pk", "sk"
		in.KeySchema = []types.KeySchemaElement{{AttributeName: &pk, KeyType: types.KeyTypeHash}, {AttributeName: &sk, KeyType: types.KeyTypeRange}}
		in.AttributeDefinitions = []types.AttributeDefinition{{AttributeName: &pk, AttributeType: "S"}, {AttributeName: &sk, AttributeType: "S"}}
		yes := true
		key := "owner"
		in.DeletionProtectionEnabled = new(bool)
		in.Tags = []types.Tag{{Key: &key, Value: &key}}
		in.SSESpecification = &types.SSESpecification{Enabled: &yes}
	}
	require.NoError(t, CreateTable(soon(t), client, name, changed))
	t.Cleanup(func() { deleteTable(t, client, name) })
	require.NoError(t, CreateTable(soon(t), client, name, changed))
	require.ErrorIs(t, CreateTable(soon(t), client, name), lease.ErrMisconfigured)

	opts := []Option{WithPartitionKey("pk"), WithSortKey("sk", "LEASE"), WithPrefix("LEASE#")}
	m := New(client, name, opts...)
	l, err := m.Acquire(soon(t), request("orders", "h", time.Minute))
	require.NoError(t, err)
	_, err = m.Renew(soon(t), l)
	require.NoError(t, err)
	for _, sort := range []string{"LEASE", "ORDER"} { // another item of the same partition
		key := item{"pk": text("LEASE#orders"), "sk": text(sort)}
		out, err := client.GetItem(soon(t), &sdk.GetItemInput{TableName: &name, Key: key})
		require.NoError(t, err)
		assert.Equal(t, sort == "LEASE", out.Item != nil)
		if out.Item == nil {
			putItem(t, client, name, key)
		}
	}
	var listed []string
	for info, err := range lease.List(soon(t), m, "") {
		require.NoError(t, err)
		require.NoError(t, info.Err)
		listed = append(listed, info.Name)
	}
	assert.Equal(t, []string{"orders"}, listed)

	opened, err := lease.Open(soon(t), fmt.Sprint(NewStore(client, name, opts...)))
	require.NoError(t, err)
	info, err := lease.Inspect(soon(t), opened, "orders")
	require.NoError(t, err)
	assert.Equal(t, lease.Held, info.State)
	require.NoError(t, lease.Close(opened))

	for what, err := range calls(t, NewStore(client, name)) {
		if what != "List" {
			require.ErrorIs(t, err, lease.ErrMisconfigured, what)
			assert.ErrorContains(t, err, "with WithPartitionKey and WithSortKey", what)
		}
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		opts []Option
		says string
	}{
		{[]Option{WithPartitionKey("version")}, "the lease's own"},
		{[]Option{WithSortKey("written", "x")}, "the lease's own"},
		{[]Option{WithSortKey("lease", "x")}, "cannot be one attribute"},
		{[]Option{WithPartitionKey("")}, "cannot be one attribute"},
		{[]Option{WithSortKey("sk", "")}, "a sort key has a value"},
		{[]Option{WithSortKey("sk", strings.Repeat("x", 1025))}, "a sort key has a value"},
		{[]Option{WithSortKey("", "x")}, "no name of one"},
		{[]Option{WithSortKey("sk", "\xff")}, "a sort key has a value"},
		{[]Option{WithSortKey("s\xff", "x")}, "not UTF-8"},
		{[]Option{WithPartitionKey("p\xff")}, "not UTF-8"},
	} {
		s := NewStore(dummy{}, "leases", test.opts...)
		for what, err := range calls(t, s) {
			require.ErrorIs(t, err, lease.ErrMisconfigured, what)
			assert.ErrorContains(t, err, test.says, what)
			errtest.Advice(t, err)
		}
	}
	assert.Equal(t, "dynamodb://leases", NewStore(dummy{}, "leases").String())
	assert.Equal(t, "dynamodb://leases?partition_key=pk&prefix=a/&sort_key=sk&sort_value=x%3Dy",
		NewStore(dummy{}, "leases", WithPrefix("a/"), WithPartitionKey("pk"), WithSortKey("sk", "x=y")).String())
}
