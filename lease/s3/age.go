package s3

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader/internal/awsopen"
)

// isAmazon reports whether a client's requests go to Amazon's own endpoint over TLS. Only then both times of an answer,
// its Date and its Last-Modified, are certainly S3's. A client that does not show its options might use any endpoint.
func isAmazon(client API) bool {
	c, ok := client.(interface{ Options() s3.Options })
	if !ok || isNil(client) {
		return false
	}
	o := c.Options()
	//lint:ignore SA1019 a resolver of the old kind is used as long as there is one
	own := awsopen.OwnEndpoint(o.BaseEndpoint, o.EndpointResolver, o.EndpointResolverV2, s3.NewDefaultEndpointResolverV2())
	return !own && !o.EndpointOptions.DisableHTTPS
}

// age returns a lower bound on how long ago the object was sent, by S3's own clocks. They show whole seconds, and S3's
// machines may disagree by two seconds. It returns 0 if a time is missing, or if the times contradict each other by
// more than that.
func age(out *s3.GetObjectOutput) time.Duration {
	const grain, skew = time.Second, 2 * time.Second
	now, ok := middleware.GetServerTime(out.ResultMetadata)
	if !ok || out.LastModified == nil || now.Add(grain+skew).Before(*out.LastModified) {
		return 0
	}
	return max(now.Sub(out.LastModified.Add(grain+skew)), time.Nanosecond) // Sub saturates instead of wrapping around
}
