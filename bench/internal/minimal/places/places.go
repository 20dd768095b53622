// Package places makes tables, buckets and containers on the emulators, for measurements.
package places

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"google.golang.org/api/iterator"

	leasedb "github.com/cloudlease/leader/lease/dynamodb"
	leasegcs "github.com/cloudlease/leader/lease/gcs"
)

// variables are those by which the SDK, or for Azure the program, finds the emulator.
var variables = map[string][]string{
	"dynamodb": {"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"},
	"s3":       {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"},
	"gcs":      {"STORAGE_EMULATOR_HOST"},
	"azblob":   {"AZURE_STORAGE_CONNECTION_STRING"},
}

// Need returns an error that says what is missing if there is no emulator of the service: dynamodb, s3, gcs or azblob. Nothing
// is made or measured in a real account.
func Need(service string) error {
	names, known := variables[service]
	if !known {
		return fmt.Errorf("there is no service %q: use dynamodb, s3, gcs or azblob", service)
	}
	if os.Getenv("LEADER_EMULATORS") == "1" && slices.ContainsFunc(names, func(n string) bool { return os.Getenv(n) != "" }) {
		return nil
	}
	return fmt.Errorf("there is no emulator of %s: run it below go run ./localstack run --, or eval \"$(go run ./localstack env)\" first", service)
}

// A Place is a table, a bucket or a container, and a client for it.
type Place[C any] struct {
	Client C
	Name   string
	remove func(ctx context.Context) error
}

// Remove removes the place with all that is in it, even if ctx has ended.
func (p Place[C]) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := p.remove(ctx); err != nil {
		return fmt.Errorf("remove %s: %w", p.Name, err)
	}
	return nil
}

func newName() string { return "bench-" + strings.ToLower(rand.Text()) }

// DynamoDB makes a table.
func DynamoDB(ctx context.Context) (p Place[*dynamodb.Client], err error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err := cmp.Or(Need("dynamodb"), err); err != nil {
		return p, err
	}
	p.Client, p.Name = dynamodb.NewFromConfig(cfg), newName()
	p.remove = func(ctx context.Context) error {
		_, err := p.Client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &p.Name})
		return err
	}
	return p, leasedb.CreateTable(ctx, p.Client, p.Name)
}

// S3 makes a bucket.
func S3(ctx context.Context) (p Place[*s3.Client], err error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-east-1"))
	if err := cmp.Or(Need("s3"), err); err != nil {
		return p, err
	}
	p.Client, p.Name = s3.NewFromConfig(cfg), newName()
	p.remove = func(ctx context.Context) error {
		for pages := s3.NewListObjectsV2Paginator(p.Client, &s3.ListObjectsV2Input{Bucket: &p.Name}); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, object := range page.Contents {
				if _, err := p.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &p.Name, Key: object.Key}); err != nil {
					return err
				}
			}
		}
		_, err := p.Client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &p.Name})
		return err
	}
	_, err = p.Client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &p.Name})
	return p, err
}

// GCS makes a bucket. The client is of the kind that lease/gcs needs.
func GCS(ctx context.Context) (p Place[*storage.Client], err error) {
	if err := Need("gcs"); err != nil {
		return p, err
	}
	if p.Client, err = leasegcs.NewClient(ctx); err != nil {
		return p, err
	}
	p.Name = newName()
	bucket := p.Client.Bucket(p.Name)
	p.remove = func(ctx context.Context) error {
		for objects := bucket.Objects(ctx, nil); ; {
			attrs, err := objects.Next()
			if errors.Is(err, iterator.Done) {
				break
			}
			if err != nil {
				return err
			}
			if err := bucket.Object(attrs.Name).Delete(ctx); err != nil {
				return err
			}
		}
		return errors.Join(bucket.Delete(ctx), p.Client.Close())
	}
	return p, bucket.Create(ctx, "project", nil)
}

// Azure makes a container.
func Azure(ctx context.Context) (p Place[*container.Client], err error) {
	if err := Need("azblob"); err != nil {
		return p, err
	}
	p.Name = newName()
	p.Client, err = container.NewClientFromConnectionString(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), p.Name, nil)
	if err != nil {
		return p, err
	}
	p.remove = func(ctx context.Context) error {
		_, err := p.Client.Delete(ctx, nil)
		return err
	}
	_, err = p.Client.Create(ctx, nil)
	return p, err
}
