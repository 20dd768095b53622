package dynamodb

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

const (
	maxKey     = 2048 // bytes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
	maxSortKey = 1024 // likewise

	// The attributes of an item. None is named ttl: many tables expire items by an attribute of that name, and would
	// delete leases.
	keyAttribute     = "lease"   // the partition key, unless WithPartitionKey names another: the prefix and the lease's name
	dataAttribute    = "data"    // the cell
	versionAttribute = "version" // a nonce, new with each write
	writtenAttribute = "written" // an upper bound on the table's clock when the write was sent; see clock
)

// API is the part of the SDK's client that a Store uses. The client may be wrapped. Any other implementation must fill
// in ConsumedCapacity and Attributes, as the requests ask: see "What counts as an answer" in the package comment.
type API interface {
	GetItem(context.Context, *sdk.GetItemInput, ...func(*sdk.Options)) (*sdk.GetItemOutput, error)
	PutItem(context.Context, *sdk.PutItemInput, ...func(*sdk.Options)) (*sdk.PutItemOutput, error)
	Scan(context.Context, *sdk.ScanInput, ...func(*sdk.Options)) (*sdk.ScanOutput, error)
}

// Store is a lease.Store in a table. Any number of Stores, anywhere, may share one table. Make it with NewStore. It is
// safe for concurrent use.
type Store struct {
	table
	client API
	prefix string
	keys   keys
	age    bool // the service's Date counts as proof of a record's age
	clock  clock
	close  func() // nil: there is nothing to close

	problem error // a nil option
}

// NewStore returns a Store in the table. Like New, it never fails and sends nothing.
func NewStore(client API, tableName string, opts ...Option) *Store {
	s := &Store{client: client, table: tableOf(client, tableName), keys: keys{partition: keyAttribute}, age: isService(client)}
	s.problem = failure.Apply(s, opts)
	return s
}

// String returns the place as the URL that Open takes: "dynamodb://leases?prefix=team-a/&region=eu-west-1". Open does not take
// a table that is an ARN.
func (s *Store) String() string {
	more := map[string]string{"prefix": s.prefix, "sort_key": s.keys.sort, "sort_value": s.keys.value}
	if s.keys.partition != keyAttribute {
		more["partition_key"] = s.keys.partition
	}
	return s.url(more)
}

// Close implements lease.Closer. It closes the connections of a client that Open made, and leaves a client that New was
// given alone.
func (s *Store) Close() error {
	if s.close != nil {
		s.close()
	}
	return nil
}

// Load implements lease.Store with a consistent GetItem. An item that is not this package's is an ErrRecord.
func (s *Store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	key, err := s.key(name)
	if err != nil {
		return lease.Snapshot{}, err
	}
	sent := lease.Now(ctx)
	out, err := s.client.GetItem(ctx, &sdk.GetItemInput{
		TableName: &s.name, Key: s.keys.item(key), ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return lease.Snapshot{}, classify(ctx, err)
	}
	if out == nil || !s.named(out.ConsumedCapacity) {
		return lease.Snapshot{}, notDynamoDBs("it does not say that it read this table")
	}
	if out.Item != nil && !s.keys.match(out.Item, key) {
		return lease.Snapshot{}, notDynamoDBs("it has another item than was asked for")
	}
	date := s.heard(sent, out.ResultMetadata)
	if out.Item == nil {
		return lease.Snapshot{}, nil
	}
	return s.snapshot(key, out.Item, date)
}

// Swap implements lease.Store with a conditional PutItem. Data that is not UTF-8 text of at most 64 KiB is an ErrInvalid.
// An item that is not this package's is an ErrConflict, and is left as it is.
//
// Swap returns an ErrConflict, too, if the service refused the write because a transaction, or a write of another Region,
// was under way on the same item: the refused write will not be applied.
func (s *Store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	key, err := s.key(name)
	if err != nil {
		return "", err
	}
	if err := lease.CheckCell(data); err != nil {
		return "", err
	}
	version := rand.Text()
	in := s.put(key, old, version, data)
	sent := lease.Now(ctx)
	if bound, ok := s.clock.bound(ctx, lengthOf(data)); ok {
		in.Item[writtenAttribute] = text(bound.Format(writtenFormat))
	}
	out, err := s.client.PutItem(ctx, in)
	if err != nil {
		return "", classify(ctx, err)
	}
	if err := s.written(out, key, old); err != nil {
		return "", err
	}
	s.heard(sent, out.ResultMetadata)
	return lease.Version(version), nil
}

// put returns the write of a new version over the old one. It asks the answer to name the table and to repeat the old
// item, which costs nothing (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html,
// ReturnValues).
func (s *Store) put(key string, old lease.Version, version string, data []byte) *sdk.PutItemInput {
	in := &sdk.PutItemInput{
		TableName: &s.name, Item: s.keys.item(key),
		ReturnValues: types.ReturnValueAllOld, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		ConditionExpression:      aws.String("attribute_not_exists(#is)"),
		ExpressionAttributeNames: map[string]string{"#is": s.keys.partition},
	}
	in.Item[dataAttribute], in.Item[versionAttribute] = text(string(data)), text(version)
	if old != "" {
		in.ConditionExpression = aws.String("#is = :old")
		in.ExpressionAttributeNames["#is"] = versionAttribute
		in.ExpressionAttributeValues = item{":old": text(string(old))}
	}
	return in
}

// List implements lease.Lister with a consistent Scan, which reads the whole table and is billed for that. It skips
// items that cannot be a lease of this prefix.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		if err := s.ready(); err != nil {
			yield(lease.Cell{}, err)
			return
		}
		in := &sdk.ScanInput{TableName: &s.name, ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
		if begin := s.prefix + prefix; begin != "" && utf8.ValidString(begin) { // half a character is filtered only below
			in.FilterExpression = aws.String("begins_with(#key, :begin)")
			in.ExpressionAttributeNames = map[string]string{"#key": s.keys.partition}
			in.ExpressionAttributeValues = item{":begin": text(begin)}
		}
		for {
			sent := lease.Now(ctx)
			out, err := s.client.Scan(ctx, in)
			switch {
			case err != nil:
				err = classify(ctx, err)
			case out == nil || !s.named(out.ConsumedCapacity):
				err = notDynamoDBs("it does not say that it read this table")
			}
			if err != nil {
				yield(lease.Cell{}, err)
				return
			}
			date := s.heard(sent, out.ResultMetadata)
			for _, found := range out.Items {
				key, _ := textOf(found[s.keys.partition])
				name, ours := strings.CutPrefix(key, s.prefix)
				if !ours || !s.keys.match(found, key) || !strings.HasPrefix(name, prefix) || lease.CheckName(name) != nil {
					continue
				}
				snapshot, err := s.snapshot(key, found, date)
				if !yield(lease.Cell{Name: name, Snapshot: snapshot, Err: err}, nil) {
					return
				}
			}
			switch {
			case len(out.LastEvaluatedKey) == 0:
				return
			case reflect.DeepEqual(out.LastEvaluatedKey, in.ExclusiveStartKey):
				yield(lease.Cell{}, notDynamoDBs("it says that the list goes on where it has just begun"))
				return
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
}

// ready returns an error for unusable arguments and options, as New cannot return one.
func (s *Store) ready() error {
	if err := usable(s.client, s.name); err != nil {
		return err
	}
	if s.problem != nil {
		return s.problem
	}
	if why, advice := s.keys.wrong(); why != "" {
		return failure.Misconfigured(why, advice)
	}
	if len(s.prefix) >= maxKey || !utf8.ValidString(s.prefix) { // the SDK would send another
		return failure.Misconfigured(fmt.Sprintf("the prefix %.40q... is not UTF-8 of less than %d bytes", s.prefix, maxKey), badPrefix)
	}
	return nil
}

const badPrefix = "use a shorter prefix, in UTF-8"

// usable returns an error if there is no client, or no table is named.
func usable(client any, tableName string) error {
	switch {
	case absent.Is(client):
		return failure.Misconfigured("there is no client", "pass one of dynamodb.NewFromConfig to dynamodb.New")
	case tableName == "":
		return failure.Misconfigured("no table is named", badName)
	}
	return nil
}

// key returns the partition key of the lease's item.
func (s *Store) key(name string) (string, error) {
	if err := lease.CheckName(name); err != nil {
		return "", err
	}
	if err := s.ready(); err != nil {
		return "", err
	}
	key := s.prefix + name
	if len(key) > maxKey {
		return "", failure.Misconfigured(fmt.Sprintf("the prefix %.40q... and the lease's name make a key of %d bytes, and a table takes at most %d",
			s.prefix, len(key), maxKey), badPrefix)
	}
	return key, nil
}
