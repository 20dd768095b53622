// Package dynamodb keeps leases in a DynamoDB table: one item each, written with a condition.
//
//	client := dynamodb.NewFromConfig(cfg) // of github.com/aws/aws-sdk-go-v2/service/dynamodb
//	manager := leasedb.New(client, "leases")
//
// # The table
//
// Its partition key is the string attribute "lease", and it has no sort key. CreateTable makes it; so does
//
//	aws dynamodb create-table --table-name leases --billing-mode PAY_PER_REQUEST \
//	    --attribute-definitions AttributeName=lease,AttributeType=S --key-schema AttributeName=lease,KeyType=HASH
//
// Other things may share the table, with other keys: see WithPrefix. A table that is there already may have another
// partition key, and a sort key: see WithPartitionKey and WithSortKey.
//
// An item is less than a kilobyte, if its attributes are few: the lease's name, its record (data), a nonce (version), and an upper bound on the
// table's clock when it was written (written), by which a process that has just started sees that a lease has run out.
// Whoever deletes, edits or restores an item by hand, or has the table's time to live expire it, takes the lease from its
// holder, or its fencing token back.
//
// # Takeover
//
// A new process takes over a lease that was left behind without watching it first, some four seconds after it has run out,
// by the Date of the table's answers. That is off where the client's requests go to an endpoint of the user's own, since
// anybody's clock may be behind that Date: see WithAge and WithoutAge.
//
// # What counts as an answer
//
// Something between, or in the table's place, may answer anything with 200: a filter, a captive portal, a server that passes
// over conditions. So an answer has to name the table (ReturnConsumedCapacity), a read the item that was asked for, and a
// write the version that it replaced (ReturnValues); that costs nothing. Other answers are errors that may pass, but for
// a write that was not checked: that is an ErrMisconfigured, since such a server elects everybody. A server of another making
// has to say the same: ScyllaDB's Alternator does of items, but not to Scan, so it cannot list
// (https://github.com/scylladb/scylladb/issues/5027).
//
// # One Region
//
// Use a table of one Region. In a global table with eventual consistency, the default, each Region checks a condition
// against its own replica, and the last writer wins: it elects a leader per Region. A global table with strong
// consistency checks it against the latest version and elects one; a write that meets one of another Region is refused,
// and tried again. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html
//
// # Permissions
//
// A program that campaigns needs the first two actions, one that lists leases the third:
//
//	{
//	  "Version": "2012-10-17",
//	  "Statement": [{
//	    "Effect": "Allow",
//	    "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan"],
//	    "Resource": "arn:aws:dynamodb:eu-west-1:111122223333:table/leases"
//	  }]
//	}
//
// CreateTable needs dynamodb:DescribeTable and dynamodb:CreateTable (and, for tags, dynamodb:TagResource). A table that is encrypted
// with a KMS key of your own needs, in the key's policy or in this one, for the key
//
//	{
//	  "Effect": "Allow",
//	  "Action": ["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:CreateGrant"],
//	  "Resource": "arn:aws:kms:eu-west-1:111122223333:key/...",
//	  "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}}
//	}
//
// (https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html#dynamodb-customer-cmk-policy). A role
// that is assumed by role_arn has these permissions; the program's own identity needs sts:AssumeRole on the role. A fleet that shares the table can be kept to its
// prefix by the condition "ForAllValues:StringLike": {"dynamodb:LeadingKeys": "team-a/*"}. It does not restrain Scan,
// which names no key: leave that out.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
//
// # Cost
//
// By request, in us-east-1, since November 2024: $0.625 for a million writes of up to 1 KB, $0.125 for a million
// consistent reads of up to 4 KB. https://aws.amazon.com/dynamodb/pricing/on-demand/ With the default intervals, in 30
// days, a lease is renewed every 5 s, which is 518,400 writes and $0.32, and each standby reads it every 4.8 s, which is
// some 535,000 reads and $0.07: a leader and two standbys are less than half a dollar a month.
//
// # Retries
//
// The SDK sends a request up to three times by itself (a setting of the client), and waits between; all that ends with
// the context of the call. A leader gives each call less than a renew interval, so there is nothing to set. A write
// that was applied and sent again is answered as a conflict; the manager then reads, and settles it.
//
// # URL
//
// The URL is dynamodb://leases?region=eu-west-1, where leases is the table. Region and credentials are found as every
// AWS program finds them: environment variables, ~/.aws, the role of the machine. Query keys, all optional:
//
//   - region
//   - profile, a section of ~/.aws/config
//   - role_arn, a role to assume with the credentials that were found; external_id and role_session_name go with it
//   - endpoint, the address of an emulator (AWS_ENDPOINT_URL does the same)
//   - prefix, see WithPrefix; partition_key, see WithPartitionKey; sort_key and sort_value, see WithSortKey
//   - age=true, see WithAge; age=false, see WithoutAge
//
// The client that Open makes speaks HTTP/1.1, so that one dead connection costs one request, and follows no redirect. It reads
// credentials anew when they are refused: also such as were rotated in a file, which the SDK never reads again.
package dynamodb

import (
	"context"
	"net/url"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cloudlease/leader/internal/awsopen"
	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

func init() { lease.Register("dynamodb", open) }

// An Option changes a Store.
type Option func(*Store)

// WithPrefix has the keys of all leases begin with the prefix, so that fleets, or other things, can share a table. No
// prefix of a table should begin another: end each with a slash, say. A prefix that is longer than 1793 bytes is an
// ErrMisconfigured of the calls, if the name does not fit as well.
func WithPrefix(prefix string) Option { return func(s *Store) { s.prefix = prefix } }

// WithPartitionKey names the table's partition key, whose type is S, if it is not "lease": for a table that is there already. data,
// version and written are the lease's own attributes and cannot be it.
func WithPartitionKey(name string) Option { return func(s *Store) { s.keys.partition = name } }

// WithSortKey names the sort key, whose type is S, of a table that has one, and its value, 1 to 1024 bytes, which is the
// same for all leases. A key that is not the table's is an ErrMisconfigured of the calls.
func WithSortKey(name, value string) Option {
	return func(s *Store) { s.keys.sort, s.keys.value = name, value }
}

// WithAge takes the Date of the answers for the table's clock, and so shows a process that has just started how old a record is,
// also where the client's requests go to an endpoint of the user's own: an emulator, a proxy, a VPC endpoint by its own
// name. With the service's own endpoint that is the default. Whoever writes that Date must do so by the service's clock,
// within two seconds: one that is ahead has leases taken from their holders.
func WithAge() Option { return func(s *Store) { s.age = true } }

// WithoutAge never trusts the Date: where something between, an intercepting proxy say, writes its own. A process that has
// just started then watches a lease for its whole length before it takes it over.
func WithoutAge() Option { return func(s *Store) { s.age = false } }

// New returns the Manager that keeps its leases in the table. It sends nothing and never fails: what is wrong with the
// table, the credentials or the region is an error of the calls. The client is its owner's to configure: the SDK's
// retries go on within each call until they are used up or the call's context ends. By default the SDK speaks HTTP/2, over which
// one dead connection can cost a lease; the client that Open makes does not.
func New(client API, tableName string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(client, tableName, opts...))
}

// form is how a store URL is written.
const form = "dynamodb://table?region=eu-west-1"

// open makes the client as the package comment says of URLs.
func open(ctx context.Context, u *url.URL) (lease.Manager, error) {
	switch {
	case u.Host == "" || u.Opaque != "":
		return nil, storeurl.Refuse(u, "it names no table", form)
	case u.User != nil || u.Port() != "" || u.Path != "" && u.Path != "/" || u.Fragment != "" || redact.Advice(u.Hostname()) != "":
		return nil, storeurl.Refuse(u, "there is more in it than a table and a query", form)
	}
	query, err := storeurl.Query(u, awsopen.Keys("prefix", "partition_key", "sort_key", "sort_value", "age")...)
	if err != nil {
		return nil, err
	}
	opts := []Option{WithPrefix(query.Get("prefix")), WithSortKey(query.Get("sort_key"), query.Get("sort_value"))}
	if name := query.Get("partition_key"); name != "" {
		opts = append(opts, WithPartitionKey(name))
	}
	switch age, given, err := storeurl.Bool(u, query, "age"); {
	case err != nil:
		return nil, err
	case given && age:
		opts = append(opts, WithAge())
	case given:
		opts = append(opts, WithoutAge())
	}
	client, err := awsopen.Load(ctx, u, query, form)
	if err != nil {
		return nil, err
	}
	store := NewStore(sdk.NewFromConfig(client.Config, func(o *sdk.Options) {
		if client.Endpoint != nil {
			o.BaseEndpoint = client.Endpoint
		}
	}), u.Host, opts...)
	store.close = client.Close
	if why := store.keys.wrong(); why != "" {
		return nil, storeurl.Refuse(u, why, "dynamodb://table?region=eu-west-1&partition_key=pk&sort_key=sk&sort_value=lease")
	}
	return lease.NewManager(store), nil
}
