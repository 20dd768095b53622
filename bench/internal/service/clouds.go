package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"cirello.io/dynamolock/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/internal/wire"
	leasedynamodb "github.com/cloudlease/leader/lease/dynamodb"
	leasegcs "github.com/cloudlease/leader/lease/gcs"
)

// emulator returns the value of the first of the variables that is set. It fails without one, so that nothing is ever done to a
// real account.
func emulator(variables ...string) (string, error) {
	for _, v := range variables {
		if value := os.Getenv(v); value != "" {
			return value, nil
		}
	}
	return "", fmt.Errorf("%w: %s is not set, which says where the emulator is: run the command below \"go run ./localstack run -- \", "+
		"from the top of the repository", errMissing, strings.Join(variables, " or "))
}

func startDynamoDB(ctx context.Context, p *part) error {
	client, err := p.aws(ctx, "AWS_ENDPOINT_URL_DYNAMODB", func(r *http.Request) (wire.Kind, string) {
		return dynamoDBRequest(r.Header.Get("X-Amz-Target"))
	})
	if err != nil {
		return err
	}
	ddb := dynamodb.NewFromConfig(client)
	if err := leasedynamodb.CreateTable(ctx, ddb, peer.Place); err != nil {
		return err
	}
	locks, err := dynamolock.New(ddb, peer.DynamolockTable, dynamolock.DisableHeartbeat())
	if err != nil {
		return err
	}
	defer locks.Close()
	_, err = locks.CreateTableWithContext(ctx, peer.DynamolockTable)
	if _, exists := errors.AsType[*dynamodbtypes.ResourceInUseException](err); err != nil && !exists {
		return fmt.Errorf("create table %s: %w", peer.DynamolockTable, err)
	}
	return nil
}

func startS3(ctx context.Context, p *part) error {
	client, err := p.aws(ctx, "AWS_ENDPOINT_URL_S3", s3Request)
	if err != nil {
		return err
	}
	_, err = s3.NewFromConfig(client, func(o *s3.Options) { o.UsePathStyle = true }).
		CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(peer.Place)})
	if _, exists := errors.AsType[*s3types.BucketAlreadyOwnedByYou](err); err != nil && !exists {
		return fmt.Errorf("create bucket %s: %w", peer.Place, err)
	}
	return nil
}

// aws puts a proxy in front of an AWS emulator, and returns the configuration of its clients.
func (p *part) aws(ctx context.Context, variable string, classify classifier) (aws.Config, error) {
	value, err := emulator(variable, "AWS_ENDPOINT_URL")
	if err != nil {
		return aws.Config{}, err
	}
	upstream, err := address(value)
	if err != nil {
		return aws.Config{}, err
	}
	if p.endpoint, err = p.serve(pass(upstream, ""), classify); err != nil {
		return aws.Config{}, err
	}
	return config.LoadDefaultConfig(ctx, config.WithBaseEndpoint(p.endpoint))
}

func startGCS(ctx context.Context, p *part) error {
	value, err := emulator("STORAGE_EMULATOR_HOST")
	if err != nil {
		return err
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	upstream, err := address(value)
	if err != nil {
		return err
	}
	at, err := p.serve(pass(upstream, upstream.Host), gcsRequest) // the emulator recognises reads by its own host
	if err != nil {
		return err
	}
	p.endpoint = at + "/storage/v1/"
	client, err := leasegcs.NewClient(ctx, option.WithEndpoint(p.endpoint), option.WithoutAuthentication())
	if err != nil {
		return err
	}
	defer client.Close()
	err = client.Bucket(peer.Place).Create(ctx, "bench", nil)
	if refused, ok := errors.AsType[*googleapi.Error](err); err != nil && !(ok && refused.Code == http.StatusConflict) {
		return fmt.Errorf("create bucket %s: %w", peer.Place, err)
	}
	return nil
}

func startAzure(ctx context.Context, p *part) error {
	connection, err := emulator("AZURE_STORAGE_CONNECTION_STRING")
	if err != nil {
		return err
	}
	if !strings.Contains(connection, "AccountName=devstoreaccount1;") { // the account that every Azurite has
		return errors.New("AZURE_STORAGE_CONNECTION_STRING is not that of Azurite, the emulator: run the command below \"go run ./localstack run -- \"")
	}
	at := ""
	fields := strings.Split(connection, ";")
	for i, field := range fields {
		value, ok := strings.CutPrefix(field, "BlobEndpoint=")
		if !ok {
			continue
		}
		upstream, err := address(value)
		if err != nil {
			return err
		}
		if at, err = p.serve(pass(upstream, ""), azureRequest); err != nil {
			return err
		}
		fields[i] = "BlobEndpoint=" + at + upstream.Path
	}
	if at == "" {
		return errors.New("AZURE_STORAGE_CONNECTION_STRING has no BlobEndpoint")
	}
	p.endpoint = strings.Join(fields, ";")
	client, err := container.NewClientFromConnectionString(p.endpoint, peer.Place, nil)
	if err != nil {
		return err
	}
	if _, err := client.Create(ctx, nil); err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return fmt.Errorf("create container %s: %w", peer.Place, err)
	}
	return nil
}

// dynamoDBRequest classifies by X-Amz-Target: DynamoDB_20120810.GetItem.
func dynamoDBRequest(target string) (wire.Kind, string) {
	_, name, _ := strings.Cut(target, ".")
	switch name {
	case "GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan":
		return wire.Read, name
	case "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems":
		return wire.Write, name
	}
	return wire.Other, cmp.Or(name, "?")
}

// s3Request classifies by the method, and by whether there is a key: /bucket/key, as path-style clients write it.
func s3Request(r *http.Request) (wire.Kind, string) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case key == "" && r.Method == http.MethodGet && r.URL.Query().Has("list-type"):
		return wire.Read, "ListObjectsV2"
	case key == "":
		return wire.Other, r.Method + " bucket"
	case r.Method == http.MethodGet:
		return wire.Read, "GetObject"
	case r.Method == http.MethodHead:
		return wire.Read, "HeadObject"
	case r.Method == http.MethodPut:
		return wire.Write, "PutObject"
	case r.Method == http.MethodDelete:
		return wire.Write, "DeleteObject"
	}
	return wire.Other, r.Method + " object"
}

// gcsRequest classifies by https://cloud.google.com/storage/docs/json_api/v1, and by GET /bucket/object, with which the Go
// client reads.
func gcsRequest(r *http.Request) (wire.Kind, string) {
	path, api := strings.CutPrefix(r.URL.Path, "/storage/v1/b/")
	_, name, _ := strings.Cut(path, "/")
	switch {
	case strings.HasPrefix(r.URL.Path, "/upload/") && (r.Method == http.MethodPost || r.Method == http.MethodPut):
		return wire.Write, "objects.insert"
	case api && r.Method == http.MethodGet && name == "o":
		return wire.Read, "objects.list"
	case api && r.Method == http.MethodGet && strings.HasPrefix(name, "o/"), !api && r.Method == http.MethodGet:
		return wire.Read, "objects.get"
	case api && r.Method == http.MethodDelete && strings.HasPrefix(name, "o/"):
		return wire.Write, "objects.delete"
	}
	return wire.Other, r.Method + " bucket"
}

// azureRequest classifies by https://learn.microsoft.com/rest/api/storageservices/operations-on-blobs. The path is
// /account/container/blob, as Azurite has it.
func azureRequest(r *http.Request) (wire.Kind, string) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
	query := r.URL.Query()
	switch comp := query.Get("comp"); {
	case len(parts) < 3 && comp == "list":
		return wire.Read, "List Blobs"
	case len(parts) < 3:
		return wire.Other, r.Method + " container"
	case r.Method == http.MethodHead:
		return wire.Read, "Get Blob Properties"
	case r.Method == http.MethodGet:
		return wire.Read, "Get Blob"
	case r.Method == http.MethodPut && comp == "lease":
		action := r.Header.Get("X-Ms-Lease-Action")
		return wire.Write, strings.ToUpper(action[:min(1, len(action))]) + action[min(1, len(action)):] + " Lease"
	case r.Method == http.MethodPut && comp == "metadata":
		return wire.Write, "Set Blob Metadata"
	case r.Method == http.MethodPut && comp == "":
		return wire.Write, "Put Blob"
	}
	return wire.Other, r.Method + " " + url.QueryEscape(query.Get("comp"))
}
