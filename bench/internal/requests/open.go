package requests

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/azblob"
	_ "github.com/cloudlease/leader/lease/dynamodb" // its URL
	"github.com/cloudlease/leader/lease/gcs"
	_ "github.com/cloudlease/leader/lease/s3" // its URL
)

// open returns the manager whose calls are counted, on the place that the peers use.
func open(ctx context.Context, service, endpoint string) (lease.Manager, error) {
	switch service {
	case "dynamodb":
		return lease.Open(ctx, "dynamodb://"+peer.Place+"?"+url.Values{"endpoint": {endpoint}}.Encode())
	case "s3":
		return lease.Open(ctx, "s3://"+peer.Place+"?"+url.Values{"endpoint": {endpoint}, "path_style": {"true"}}.Encode())
	case "gcs":
		client, err := gcs.NewClient(ctx, option.WithEndpoint(endpoint), option.WithoutAuthentication())
		if err != nil {
			return nil, fmt.Errorf("client of Cloud Storage at %s: %w", endpoint, err)
		}
		return gcs.New(client, peer.Place), nil
	case "azure":
		client, err := container.NewClientFromConnectionString(endpoint, peer.Place, nil)
		if err != nil {
			return nil, errors.New("the connection string of Azure Storage cannot be used") // and is a secret
		}
		return azblob.New(client), nil
	}
	return nil, fmt.Errorf("this library has no store on %q", service)
}
