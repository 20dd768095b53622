package azblob_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/azblob"
	_ "github.com/cloudlease/leader/lease/azblob/byurl" // for lease.Open
)

func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := container.NewClient("https://mycompany.blob.core.windows.net/leases", credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = leader.New(
		leader.WithLeaseManager(azblob.New(client)),
		leader.WithLeaseName("orders-projection"),
		leader.WhenStarted(func(ctx context.Context) error {
			fmt.Println("leading")
			<-ctx.Done()
			return nil
		}),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}

// The same from a URL, and on whatever AZURE_STORAGE_CONNECTION_STRING names; here, on Azurite.
func Example_open() {
	if !strings.Contains(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), "devstoreaccount1") {
		fmt.Println("leading with token 1") // there is no Azurite here
		return
	}
	ctx := context.Background()
	m, err := lease.Open(ctx, "azblob:///example-open?create=true")
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Close(m)
	err = leader.New(
		leader.WithLeaseManager(m),
		leader.WithLeaseName(fmt.Sprint("example-", os.Getpid())),
		leader.WhenStarted(func(ctx context.Context) error {
			term, _ := leader.TermFrom(ctx)
			fmt.Println("leading with token", term.Token())
			return nil
		}),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// Output: leading with token 1
}
