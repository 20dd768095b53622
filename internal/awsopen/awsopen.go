// Package awsopen makes the AWS clients of the stores that lease.Open opens, and explains errors about credentials and
// keys.
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
)

// Keys returns the keys that Load reads from a store URL's query, followed by the store's own.
func Keys(own ...string) []string {
	return append([]string{"region", "profile", "role_arn", "role_session_name", "external_id", "endpoint"}, own...)
}

// A Client has everything that a store needs to make the SDK's client.
type Client struct {
	Config   aws.Config
	Endpoint *string // from the URL, for the client's BaseEndpoint; nil: leave that alone
	Close    func()  // closes idle connections
}

// Load makes a Client from the URL's query. For settings that are missing there, it uses the sources of every AWS
// program: environment variables, ~/.aws, the role of the machine. An unusable setting is an ErrMisconfigured; form
// shows how to write the URL.
//
// The client follows no redirect and speaks HTTP/1.1: over HTTP/2 all requests share one connection, which stays in use
// after it has died, until the system notices. When credentials are refused, the client reads them again and repeats
// the call with the new ones.
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

// read reads the configuration. It sends nothing, except what AWS_DEFAULTS_MODE=auto asks of the machine.
func read(ctx context.Context, query url.Values) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(forCredentials)), // the SDK adds AWS_CA_BUNDLE to it
		config.WithRegion(query.Get("region")), config.WithSharedConfigProfile(query.Get("profile")))
	role := query.Get("role_arn")
	if err != nil || role == "" {
		return cfg, err
	}
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role,
		func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = query.Get("role_session_name") // empty: the SDK makes one up
			if id := query.Get("external_id"); id != "" {
				o.ExternalID = &id
			}
		}))
	return cfg, nil
}

// broken returns the error for an unreadable configuration. The SDK's text may repeat the profile in the URL, and no
// value of a query may be shown.
func broken(u *url.URL, query url.Values, err error) error {
	text := err.Error()
	if profile := query.Get("profile"); profile != "" {
		text = strings.ReplaceAll(text, profile, "...")
	}
	if strings.Contains(text, "failed to resolve host") { // of AWS_CONTAINER_CREDENTIALS_FULL_URI: a temporary network error
		return fmt.Errorf("store URL %q: the AWS configuration cannot be read: %s", redact.URL(u), text)
	}
	return storeurl.Wrong(u, "the AWS configuration cannot be read: "+text,
		"correct ~/.aws/config and ~/.aws/credentials, the AWS_ variables, or the profile that the URL names")
}

// OwnEndpoint reports whether a client's requests go to an address that its user gave, in any way: by the options'
// BaseEndpoint, their EndpointResolver, or an EndpointResolverV2 that is not of the SDK's standard type. The SDK also
// sets BaseEndpoint from AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE> and endpoint_url in ~/.aws/config
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
func OwnEndpoint(base *string, resolver, resolverV2, standard any) bool {
	return base != nil || resolver != nil || reflect.TypeOf(resolverV2) != reflect.TypeOf(standard)
}
