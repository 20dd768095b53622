package s3

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// newClient returns a client as any program would make it.
func newClient(t testing.TB, opts ...func(*s3.Options)) *s3.Client {
	emulator.Need(t, emulator.S3)
	cfg, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	return s3.NewFromConfig(cfg, opts...)
}

// newBucket makes a bucket, and removes it with all that is in it when the test ends.
func newBucket(t testing.TB) string {
	client, bucket := newClient(t), emulator.Name(t)
	in := &s3.CreateBucketInput{Bucket: &bucket}
	if region := client.Options().Region; region != "us-east-1" { // where it must not be said
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	_, err := client.CreateBucket(t.Context(), in)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.Background()
		for pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: &bucket}); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Errorf("empty the bucket: %v", err)
				return
			}
			for _, v := range page.Versions {
				_, _ = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId})
			}
			for _, m := range page.DeleteMarkers {
				_, _ = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: m.Key, VersionId: m.VersionId})
			}
		}
		if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
			t.Errorf("delete the bucket: %v", err)
		}
	})
	return bucket
}

// newProxy returns a proxy of the emulator, and a client that goes through it.
func newProxy(t testing.TB) (*wire.Proxy, *s3.Client) {
	proxy := emulator.Proxy(t, emulator.S3)
	return proxy, newClient(t, func(o *s3.Options) { o.BaseEndpoint = aws.String(proxy.URL()) })
}

// newAnswers returns a client that gets one answer to all it asks, one that no emulator can be made to give.
func newAnswers(t testing.TB, answer wire.Fault, opts ...func(*s3.Options)) *s3.Client {
	proxy := wire.NewProxy(t, "http://127.0.0.1:1")
	proxy.OnEvery(answer)
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(proxy.URL()), Region: "eu-west-1", RetryMaxAttempts: 1,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, // as config.LoadDefaultConfig has it
		Credentials:                credentials.NewStaticCredentialsProvider("test", "test", ""),
	}, opts...)
}

func request(name, holder string, length time.Duration) lease.Request {
	return lease.Request{Name: name, Holder: holder, Length: length}
}

// The functions below change a bucket by hand, with the SDK alone.

func get(t testing.TB, client *s3.Client, bucket, key string) string {
	t.Helper()
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	require.NoError(t, err)
	defer out.Body.Close()
	content, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return string(content)
}

func put(t testing.TB, client *s3.Client, bucket, key, content string) {
	t.Helper()
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(content))})
	require.NoError(t, err)
}

func remove(t testing.TB, client *s3.Client, bucket, key string) {
	t.Helper()
	_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	require.NoError(t, err)
}
