package gcs

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/lease"
)

// BenchmarkRead compares a read of a record by the SDK alone with Load and with a poll of a held lease. In nothing, a
// fake below the client answers at once, so that only the processor's time counts. On the service, the three take turns, so that
// other load hits all of them. The medians' ratios to the bare read are load/bare and poll/bare.
func BenchmarkRead(b *testing.B) {
	b.Run("nothing", func(b *testing.B) {
		held := `{"format":1,"token":7,"id":"x","holder":"ip-10-0-12-34.ec2.internal-4711-1a2b","length":"1m0s","nonce":"n"}`
		hash := "crc32c=" + sum(held) + ",md5=x"
		fake := &told{header: http.Header{"X-Goog-Generation": {"7"}, "X-Goog-Hash": {hash}}, content: []byte(held)}
		client, err := NewClient(b.Context(), option.WithHTTPClient(&http.Client{Transport: fake}), option.WithoutAuthentication())
		require.NoError(b, err)
		benchmarkRead(b, client, "b")
	})
	b.Run("service", func(b *testing.B) {
		bucket, client := newBucket(b), connect(b)
		_, err := New(client, bucket).Acquire(b.Context(), lease.Request{Name: polled, Holder: "holder", Length: time.Hour})
		require.NoError(b, err)
		benchmarkRead(b, client, bucket)
	})
}

const polled = "lease-is-held"

func benchmarkRead(b *testing.B, client *storage.Client, name string) {
	s, m := NewStore(client, name), New(client, name)
	bucket := client.Bucket(name).Retryer(storage.WithPolicy(storage.RetryNever))
	ways := []func(ctx context.Context) error{
		func(ctx context.Context) error {
			r, err := bucket.Object(polled).NewReader(ctx)
			if err != nil {
				return err
			}
			_, err = io.ReadAll(r)
			return errors.Join(err, r.Close())
		},
		func(ctx context.Context) error { _, err := s.Load(ctx, polled); return err },
		func(ctx context.Context) error {
			_, err := m.Acquire(ctx, lease.Request{Name: polled, Holder: "h", Length: time.Hour})
			if errors.Is(err, lease.ErrHeld) {
				return nil
			}
			return err
		},
	}
	took := make([][]time.Duration, len(ways))
	for b.Loop() {
		for _, i := range rand.Perm(len(ways)) {
			from := time.Now()
			err := ways[i](b.Context())
			took[i] = append(took[i], time.Since(from))
			require.NoError(b, err)
		}
	}
	median := func(i int) float64 {
		slices.Sort(took[i])
		return float64(took[i][len(took[i])/2])
	}
	b.ReportMetric(median(0), "bare-ns")
	b.ReportMetric(median(1)/median(0), "load/bare")
	b.ReportMetric(median(2)/median(0), "poll/bare")
}
