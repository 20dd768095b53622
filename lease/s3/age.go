package s3

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/internal/awsopen"
	"github.com/cloudlease/leader/internal/serverclock"
	"github.com/cloudlease/leader/internal/storeurl"
)

// options returns the options of the client, if it shows them.
func options(client API) (s3.Options, bool) {
	c, ok := client.(interface{ Options() s3.Options })
	if !ok || absent.Is(client) {
		return s3.Options{}, false
	}
	return c.Options(), true
}

// endpointOf returns the endpoint that the client's user named, for the place's URL.
func endpointOf(client API) string {
	o, _ := options(client)
	if endpoint := aws.ToString(o.BaseEndpoint); storeurl.IsEndpoint(endpoint) {
		return endpoint
	}
	return ""
}

// isAmazon reports whether a client's requests go to Amazon's own endpoint over TLS. Only then both times of an answer,
// its Date and its Last-Modified, are certainly S3's. A client that does not show its options might use any endpoint.
func isAmazon(client API) bool {
	o, ok := options(client)
	if !ok {
		return false
	}
	//lint:ignore SA1019 a resolver of the old kind is used as long as there is one
	own := awsopen.OwnEndpoint(o.BaseEndpoint, o.EndpointResolver, o.EndpointResolverV2, s3.NewDefaultEndpointResolverV2())
	return !own && !o.EndpointOptions.DisableHTTPS
}

// age returns a lower bound on how long ago the object was sent, by S3's own clocks; 0 if it cannot be known.
func age(out *s3.GetObjectOutput) time.Duration {
	now, _ := middleware.GetServerTime(out.ResultMetadata)
	return serverclock.Age(now, aws.ToTime(out.LastModified))
}
