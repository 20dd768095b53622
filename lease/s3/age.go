package s3

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader/internal/awsopen"
)

// isAmazon tells whether a client's requests go to Amazon's own endpoint, over TLS: so that both clocks of an answer,
// its Date and its Last-Modified, are S3's. A client that does not show its options may be anything.
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

// age is a lower bound on how long ago the object was sent, by S3's own clocks: its machines may disagree by two seconds,
// and they tell whole seconds. 0 if the answer lacks a time, or its times contradict each other by more than that.
func age(out *s3.GetObjectOutput) time.Duration {
	const grain, skew = time.Second, 2 * time.Second
	now, ok := middleware.GetServerTime(out.ResultMetadata)
	if !ok || out.LastModified == nil || now.Add(grain+skew).Before(*out.LastModified) {
		return 0
	}
	return max(now.Sub(out.LastModified.Add(grain+skew)), time.Nanosecond) // Sub stops at the ends of what there is, and does not wrap around
}
