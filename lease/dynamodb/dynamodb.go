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
// An item is less than a kilobyte, if its attributes are few: the lease's name, its record (data), a nonce (version), and an upper bound on the
// table's clock when it was written (written), by which a process that has just started sees that a lease has run out.
// Other things may share the table, with other keys: see WithPrefix. Whoever deletes, edits or restores an item by hand,
// or has the table's time to live expire it, takes the lease from its holder, or its fencing token back.
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
// CreateTable needs dynamodb:DescribeTable and dynamodb:CreateTable. A fleet that shares the table can be kept to its
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
// AWS program finds them: environment variables, ~/.aws, the role of the machine. Query keys, all optional: region;
// prefix, see WithPrefix; profile, a section of ~/.aws/config; endpoint, the address of an emulator (AWS_ENDPOINT_URL
// does the same).
package dynamodb

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

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

// New returns the Manager that keeps its leases in the table. It sends nothing and never fails: what is wrong with the
// table, the credentials or the region is an error of the calls. The client is its owner's to configure: the SDK's
// retries go on within each call until they are used up or the call's context ends.
func New(client API, tableName string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(client, tableName, opts...))
}

// open makes the client as the package comment says of URLs.
func open(ctx context.Context, u *url.URL) (lease.Manager, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%w: store URL %q: %s: use dynamodb://table?region=eu-west-1", lease.ErrMisconfigured, u.Redacted(), why)
	}
	switch {
	case u.Host == "" || u.Opaque != "":
		return nil, refuse("it names no table")
	case u.User != nil || u.Port() != "" || u.Path != "" && u.Path != "/" || u.Fragment != "":
		return nil, refuse("there is more in it than a table and a query")
	}
	query, err := storeurl.Query(u, "endpoint", "prefix", "profile", "region")
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(query.Get("region")), config.WithSharedConfigProfile(query.Get("profile")))
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%w: store URL %q: the AWS configuration cannot be read: %w", lease.ErrMisconfigured, u.Redacted(), err)
	case cfg.Region == "":
		return nil, refuse("no AWS region is set there or in AWS_REGION")
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	transport, ok := cfg.HTTPClient.(*awshttp.BuildableClient) // with the certificates of AWS_CA_BUNDLE
	if !ok {
		transport = awshttp.NewBuildableClient()
	}
	client.Transport = transport.GetTransport() // a copy
	cfg.HTTPClient = client
	store := NewStore(sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		if endpoint := query.Get("endpoint"); endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
	}), u.Host, WithPrefix(query.Get("prefix")))
	store.close = client.CloseIdleConnections
	return lease.NewManager(store), nil
}
