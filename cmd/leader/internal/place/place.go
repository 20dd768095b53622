// Package place makes, for tests, what each service keeps leases in, and says how the command finds it there.
package place

import (
	"cmp"
	"context"
	"os"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/config"
	dynamodbsdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	s3sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease/dynamodb"
)

// A Place is where a command finds a store.
type Place struct {
	Store    string
	Upstream string              // the service's endpoint
	Env      func(string) string // has a command find the service at another endpoint
}

const AzureVariable = "AZURE_STORAGE_CONNECTION_STRING"

// Services are the emulators' places: those of a table, bucket or container that is there, or not.
var Services = map[emulator.Service]func(t testing.TB, name string, exists bool) Place{
	emulator.DynamoDB: dynamodbPlace,
	emulator.S3:       s3Place,
	emulator.GCS:      gcsPlace,
	emulator.Azure:    azurePlace,
}

// New is one of a table, a bucket or a container of the test's own.
func New(t testing.TB, s emulator.Service) Place {
	t.Helper()
	emulator.Need(t, s)
	return Services[s](t, emulator.Name(t), true)
}

// Nowhere is one of a table, a bucket or a container that there is not.
func Nowhere(t testing.TB, s emulator.Service) Place {
	t.Helper()
	emulator.Need(t, s)
	return Services[s](t, emulator.Name(t), false)
}

func dynamodbPlace(t testing.TB, name string, exists bool) Place {
	if exists {
		cfg, err := config.LoadDefaultConfig(t.Context())
		must(t, err)
		client := dynamodbsdk.NewFromConfig(cfg)
		must(t, dynamodb.CreateTable(t.Context(), client, name))
		t.Cleanup(func() {
			_, _ = client.DeleteTable(context.WithoutCancel(t.Context()), &dynamodbsdk.DeleteTableInput{TableName: &name})
		})
	}
	const variable = "AWS_ENDPOINT_URL_DYNAMODB"
	return Place{
		"dynamodb://" + name, cmp.Or(os.Getenv(variable), os.Getenv("AWS_ENDPOINT_URL")),
		func(endpoint string) string { return variable + "=" + endpoint },
	}
}

func s3Place(t testing.TB, name string, exists bool) Place {
	if exists {
		cfg, err := config.LoadDefaultConfig(t.Context())
		must(t, err)
		_, err = s3sdk.NewFromConfig(cfg).CreateBucket(t.Context(), &s3sdk.CreateBucketInput{Bucket: &name})
		must(t, err)
	}
	const variable = "AWS_ENDPOINT_URL_S3"
	return Place{
		"s3://" + name, cmp.Or(os.Getenv(variable), os.Getenv("AWS_ENDPOINT_URL")),
		func(endpoint string) string { return variable + "=" + endpoint },
	}
}

func gcsPlace(t testing.TB, name string, exists bool) Place {
	if exists {
		client, err := storage.NewClient(t.Context())
		must(t, err)
		defer client.Close()
		must(t, client.Bucket(name).Create(t.Context(), "test", nil))
	}
	const variable = "STORAGE_EMULATOR_HOST"
	return Place{
		"gs://" + name, "http://" + os.Getenv(variable),
		func(endpoint string) string { return variable + "=" + strings.TrimPrefix(endpoint, "http://") },
	}
}

func azurePlace(t testing.TB, name string, exists bool) Place {
	connection := os.Getenv(AzureVariable)
	if exists {
		client, err := container.NewClientFromConnectionString(connection, name, nil)
		must(t, err)
		_, err = client.Create(t.Context(), nil)
		must(t, err)
		t.Cleanup(func() { _, _ = client.Delete(context.WithoutCancel(t.Context()), nil) })
	}
	_, endpoint, _ := strings.Cut(connection, "BlobEndpoint=")
	endpoint, _, _ = strings.Cut(endpoint, "/devstoreaccount1")
	return Place{
		"azblob:///" + name, endpoint,
		func(other string) string {
			return AzureVariable + "=" + strings.Replace(connection, endpoint, other, 1)
		},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
