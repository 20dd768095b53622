// Command azblob makes and leases a blob as lease/azblob does for an acquisition, with the SDK alone. Its arguments are the
// container and the blob's name, which is new. It writes a line when it is done.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
)

func main() {
	ctx := context.Background()
	client, err := container.NewClientFromConnectionString(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	b := client.NewBlockBlobClient(os.Args[2])
	if _, err = b.DownloadStream(ctx, nil); !bloberror.HasCode(err, bloberror.BlobNotFound) {
		log.Fatal("the blob is there: ", err)
	}
	if _, err = b.Upload(ctx, streaming.NopCloser(bytes.NewReader(nil)), nil); err != nil {
		log.Fatal(err)
	}
	leased, err := lease.NewBlobClient(b, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err = leased.AcquireLease(ctx, 15, nil); err != nil {
		log.Fatal(err)
	}
	holder := "me"
	_, err = b.SetMetadata(ctx, map[string]*string{"holder": &holder}, &blob.SetMetadataOptions{
		AccessConditions: &blob.AccessConditions{LeaseAccessConditions: &blob.LeaseAccessConditions{LeaseID: leased.LeaseID()}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("written")
}
