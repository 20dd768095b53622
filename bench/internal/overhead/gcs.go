package overhead

import (
	"context"
	"errors"
	"io"
	"strconv"

	"cloud.google.com/go/storage"

	"github.com/cloudlease/leader/bench/internal/minimal/places"
	"github.com/cloudlease/leader/lease/gcs"
)

func openGCS(ctx context.Context) (bare, ours steps, remove func(context.Context) error, err error) {
	p, err := places.GCS(ctx)
	if err != nil {
		return bare, ours, nil, err
	}
	if ours, err = oursBy(ctx, gcs.New(p.Client, p.Name), gcs.New(p.Client, p.Name)); err != nil {
		return bare, ours, p.Remove, err
	}
	bucket := p.Client.Bucket(p.Name).Retryer(storage.WithPolicy(storage.RetryNever))
	bare, err = bareBy(ctx, blobs{bucket}, gcs.NewStore(p.Client, p.Name))
	return bare, ours, p.Remove, err
}

// blobs are cells in a bucket, written as lease/gcs writes them: in one request, and without the client's own retries.
type blobs struct {
	bucket *storage.BucketHandle
}

func (c blobs) read(ctx context.Context, key string) (version string, err error) {
	r, err := c.bucket.Object(key).NewReader(ctx)
	if err != nil {
		return "", err
	}
	_, err = io.ReadAll(r)
	return strconv.FormatInt(r.Attrs.Generation, 10), errors.Join(err, r.Close())
}

func (c blobs) write(ctx context.Context, key, old string, data []byte) (version string, err error) {
	expected := storage.Conditions{DoesNotExist: true}
	if old != "" {
		generation, err := strconv.ParseInt(old, 10, 64)
		if err != nil {
			return "", err
		}
		expected = storage.Conditions{GenerationMatch: generation}
	}
	w := c.bucket.Object(key).If(expected).NewWriter(ctx)
	w.ChunkSize, w.ContentType, w.CacheControl = 256<<10, "text/plain; charset=utf-8", "no-store"
	_, err = w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		return "", err
	}
	return strconv.FormatInt(w.Attrs().Generation, 10), nil
}
