// Package dynamodb keeps leases in a DynamoDB table: one item each, written with a condition.
//
//	client := dynamodb.NewFromConfig(cfg) // of github.com/aws/aws-sdk-go-v2/service/dynamodb
//	manager := leasedb.New(client, "leases")
//
// # The table
//
// The table's partition key is the string attribute "lease", and it has no sort key. CreateTable makes such a table; so
// does
//
//	aws dynamodb create-table --table-name leases --billing-mode PAY_PER_REQUEST \
//	    --attribute-definitions AttributeName=lease,AttributeType=S --key-schema AttributeName=lease,KeyType=HASH
//
// Other data may share the table under other keys: see WithPrefix. An existing table may have another partition key,
// and a sort key: see WithPartitionKey and WithSortKey.
//
// An item is less than a kilobyte, if the lease has few attributes and no value. It has the lease's name, its record (data), a nonce
// (version), and an upper bound on the table's clock at the time of the write (written). The bound shows a process that
// has just started whether the lease has run out. Do not delete, edit or restore an item by hand, and do not let the
// table's time to live expire it: the holder loses the lease, or fencing tokens go back.
//
// # Takeover
//
// A new process takes over an abandoned lease some four seconds after it has run out, and a twenty-seventh of its length,
// without watching it first. It measures that by the Date of the table's answers. It watches the lease for its length where the client's requests go
// to an endpoint that its user named, because the clock behind that Date may be anybody's, and where they go without TLS
// (EndpointOptions.DisableHTTPS), because a proxy on the way may write its own: see WithAge and WithoutAge.
//
// # What counts as an answer
//
// Something between the program and the table, or in the table's place, may answer anything with 200: a filter, a
// captive portal, a server that ignores conditions. So an answer must name the table (ReturnConsumedCapacity), a read
// the item that was asked for, and a write the version that it replaced (ReturnValues); that costs nothing. Other
// answers are temporary errors, except to a write whose condition was ignored: that is an ErrMisconfigured, because
// such a server lets every node lead. A compatible server must answer in the same way. ScyllaDB's Alternator does for
// items, but not for Scan, so it cannot list (https://github.com/scylladb/scylladb/issues/5027).
//
// # One Region
//
// Use a table of one Region. In a global table with eventual consistency, the default, each Region checks a condition
// against its own replica, and the last writer wins: each Region elects a leader. A global table with strong
// consistency checks the condition against the latest version and elects one leader. It refuses a write that meets a
// write of another Region, and the write is tried again.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html
//
// # Permissions
//
// A program that campaigns needs the first two actions; a program that lists leases needs the third:
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
// CreateTable needs dynamodb:DescribeTable and dynamodb:CreateTable (and, for tags, dynamodb:TagResource). If the table
// is encrypted with your own KMS key, the key's policy or this one must also allow, on the key,
//
//	{
//	  "Effect": "Allow",
//	  "Action": ["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:CreateGrant"],
//	  "Resource": "arn:aws:kms:eu-west-1:111122223333:key/...",
//	  "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}}
//	}
//
// (https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html#dynamodb-customer-cmk-policy). With
// role_arn, these permissions belong to the role; the program's own identity needs sts:AssumeRole on the role. The
// condition "ForAllValues:StringLike": {"dynamodb:LeadingKeys": "team-a/*"} restricts a fleet that shares the table to
// its prefix. It does not restrict Scan, which names no key: leave Scan out.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
//
// # Cost
//
// By request, in us-east-1, since November 2024: $0.625 for a million writes of up to 1 KB, $0.125 for a million
// consistent reads of up to 4 KB (https://aws.amazon.com/dynamodb/pricing/on-demand/). With the default intervals, a
// lease is renewed every 5 s, which is 518,400 writes and $0.32 in 30 days. Each standby reads it every 4.8 s, which is
// some 535,000 reads and $0.07. A leader and two standbys cost less than half a dollar a month.
//
// # Retries
//
// By default the SDK sends a request up to three times, and waits in between, until the context of the call ends. A
// leader gives each call less than a renew interval, so there is nothing to configure. If the SDK repeats a write
// that was already applied, the answer is a conflict; the manager then reads the record and settles it.
//
// # URL
//
// The URL is dynamodb://leases?region=eu-west-1, where leases is the table. Region and credentials come from the usual
// sources of AWS programs: environment variables, ~/.aws, the role of the machine. Query keys, all optional:
//
//   - region
//   - profile, a section of ~/.aws/config
//   - role_arn, a role to assume with the credentials that were found, with external_id and role_session_name
//   - endpoint, the address of an emulator (AWS_ENDPOINT_URL does the same)
//   - prefix, see WithPrefix; partition_key, see WithPartitionKey; sort_key and sort_value, see WithSortKey
//   - age=true, see WithAge; age=false, see WithoutAge
//
// The client that Open makes speaks HTTP/1.1, so that a dead connection costs one request only, and follows no
// redirect. It reads credentials again when they are refused, even credentials that were rotated in a file, which the
// SDK would not read again.
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

// An Option changes a Store. With a nil one, every call returns a lease.ErrMisconfigured.
type Option func(*Store)

// WithPrefix puts the prefix before the keys of all leases, so that several fleets, or other data, can share a table.
// No prefix in a table should begin another one: end each with a slash, for example. With a prefix of more than 1793
// bytes, calls return an ErrMisconfigured if the lease's name does not fit as well.
func WithPrefix(prefix string) Option { return func(s *Store) { s.prefix = prefix } }

// WithPartitionKey names the partition key of an existing table, of type S, if it is not "lease". It cannot be data,
// version or written, which are the lease's own attributes.
func WithPartitionKey(name string) Option { return func(s *Store) { s.keys.partition = name } }

// WithSortKey names the sort key, of type S, of a table that has one, and its value, 1 to 1024 bytes, which is the same
// for all leases. If the table has another key, calls return an ErrMisconfigured.
func WithSortKey(name, value string) Option {
	return func(s *Store) { s.keys.sort, s.keys.value = name, value }
}

// WithAge uses the Date of the answers as the table's clock, which shows a process that has just started how old a
// record is, even where the client's user named the endpoint (an emulator, a proxy, a VPC endpoint by its own name) or turned
// TLS off. For the service's own endpoint over TLS that is the default. The Date must follow the service's clock within two seconds: if it is
// ahead, leases are taken from their holders.
func WithAge() Option { return func(s *Store) { s.age = true } }

// WithoutAge never trusts the Date. Use it if something on the way, such as an intercepting proxy, writes its own Date.
// A process that has just started then watches a lease for its length before it takes over the lease.
func WithoutAge() Option { return func(s *Store) { s.age = false } }

// New returns a Manager that keeps its leases in the table. New never fails and sends nothing: a problem with the
// table, the credentials or the region shows as an error of later calls. The caller configures the client: the SDK's
// retries go on within each call until they are used up or the call's context ends. By default the SDK speaks HTTP/2,
// where a dead connection can cost the lease; the client that Open makes does not.
func New(client API, tableName string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(client, tableName, opts...))
}

// form shows how to write a store URL.
const form = "dynamodb://table?region=eu-west-1"

// open makes the client for a URL, as the package comment describes.
func open(ctx context.Context, u *url.URL) (lease.Manager, error) {
	switch {
	case u.Host == "" || u.Opaque != "":
		return nil, storeurl.Refuse(u, "it names no table", form)
	case u.User != nil || u.Port() != "" || u.Path != "" && u.Path != "/" || u.Fragment != "" || redact.IsCloud(u.Hostname()):
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
	age, err := storeurl.Choice(u, query, "age", WithAge(), WithoutAge())
	if err != nil {
		return nil, err
	}
	opts = append(opts, age...)
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
	if why, advice := store.keys.wrong(); why != "" {
		return nil, storeurl.Wrong(u, why, advice+", as in dynamodb://table?region=eu-west-1&partition_key=pk&sort_key=sk&sort_value=lease")
	}
	return lease.NewManager(store), nil
}
