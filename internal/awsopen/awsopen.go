// Package awsopen makes the AWS clients of the stores that lease.Open opens, and says what is wrong with credentials and keys.
package awsopen

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"

	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

// Keys returns the keys of a store URL's query that Load reads, and the store's own.
func Keys(own ...string) []string {
	return append([]string{"region", "profile", "role_arn", "role_session_name", "external_id", "endpoint"}, own...)
}

// A Client is what a store makes the SDK's client of.
type Client struct {
	Config   aws.Config
	Endpoint *string // the URL's own, to be set as the client's BaseEndpoint; nil: leave that alone
	Close    func()  // closes idle connections
}

// Load makes a Client from the URL's query and, for what is not there, from where every AWS program takes it: environment
// variables, ~/.aws, the role of the machine. What cannot be used is an ErrMisconfigured; form is how to write the URL.
//
// The client follows no redirect and speaks HTTP/1.1: over HTTP/2 all requests share one connection, and one that is dead
// is used on for as long as the system takes to notice. Credentials that are refused are read anew, and the call is
// made again with them.
func Load(ctx context.Context, u *url.URL, query url.Values, form string) (Client, error) {
	endpoint, err := storeurl.Endpoint(u, query)
	if err != nil {
		return Client{}, err
	}
	role := query.Get("role_arn")
	switch {
	case role == "" && (query.Get("role_session_name") != "" || query.Get("external_id") != ""):
		return Client{}, storeurl.Refuse(u, "role_session_name and external_id go with role_arn", form)
	case role != "" && !strings.HasPrefix(role, "arn:"):
		return Client{}, storeurl.Refuse(u, "role_arn is not an ARN, as arn:aws:iam::111122223333:role/name is one", form)
	}
	cfg, err := read(ctx, query)
	switch {
	case ctx.Err() != nil:
		return Client{}, context.Cause(ctx)
	case err != nil:
		return Client{}, broken(u, query, err)
	case cfg.Region == "":
		return Client{}, storeurl.Refuse(u, "no AWS region is set there, in AWS_REGION or in ~/.aws/config", form)
	}
	source := newSource(cfg.Credentials, func(ctx context.Context) (aws.CredentialsProvider, error) {
		again, err := read(ctx, query)
		return again.Credentials, err
	})
	cfg.Credentials = source
	cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error {
		return s.Finalize.Insert(source, "Retry", middleware.Before)
	})
	service := transportOf(cfg.HTTPClient)
	cfg.HTTPClient = &http.Client{Transport: service, CheckRedirect: stay}
	client := Client{Config: cfg, Close: service.CloseIdleConnections}
	if endpoint != "" {
		client.Endpoint = &endpoint
	}
	return client, nil
}

// read reads the configuration. It sends nothing, but for what AWS_DEFAULTS_MODE=auto asks of the machine.
func read(ctx context.Context, query url.Values) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(forCredentials)), // AWS_CA_BUNDLE is added to it
		config.WithRegion(query.Get("region")), config.WithSharedConfigProfile(query.Get("profile")))
	role := query.Get("role_arn")
	if err != nil || role == "" {
		return cfg, err
	}
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role,
		func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = query.Get("role_session_name") // empty: the SDK makes one
			if id := query.Get("external_id"); id != "" {
				o.ExternalID = &id
			}
		}))
	return cfg, nil
}

// broken is the error of a configuration that cannot be read. The SDK's text may repeat the profile that the URL names,
// and no value of a query is to be shown.
func broken(u *url.URL, query url.Values, err error) error {
	text := err.Error()
	if profile := query.Get("profile"); profile != "" {
		text = strings.ReplaceAll(text, profile, "...")
	}
	if strings.Contains(text, "failed to resolve host") { // of AWS_CONTAINER_CREDENTIALS_FULL_URI: the network's trouble
		return fmt.Errorf("store URL %q: the AWS configuration cannot be read: %s", redact.URL(u), text)
	}
	return fmt.Errorf("%w: store URL %q: the AWS configuration cannot be read: %s: correct ~/.aws/config and ~/.aws/credentials, the AWS_ "+
		"variables, or the profile that the URL names", lease.ErrMisconfigured, redact.URL(u), text)
}

// OwnEndpoint tells whether a client's requests go to an address that its user gave, in whatever way: the options'
// BaseEndpoint (to which the SDK also sets what AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE> and endpoint_url in
// ~/.aws/config say: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html), their EndpointResolver, or
// an EndpointResolverV2 that is not of the SDK's standard kind.
func OwnEndpoint(base *string, resolver, resolverV2, standard any) bool {
	return base != nil || resolver != nil || reflect.TypeOf(resolverV2) != reflect.TypeOf(standard)
}
