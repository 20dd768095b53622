// Command azblob leads once, by a lease in Azure Blob Storage, as a user would write it. Its arguments are the container and
// the lease's name; the account is that of the connection string. It writes a line when it leads.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease/azblob"
)

func main() {
	client, err := container.NewClientFromConnectionString(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	err = leader.New(
		leader.WithLeaseManager(azblob.New(client)),
		leader.WithLeaseName(os.Args[2]),
		leader.WhenStarted(func(context.Context) error {
			fmt.Println("leading")
			return nil
		}),
	).Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
}
