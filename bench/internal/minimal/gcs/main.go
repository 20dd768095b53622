// Command gcs leads once, by a lease in Google Cloud Storage, as a user would write it. Its arguments are the bucket and the
// lease's name. It writes a line when it leads.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease/gcs"
)

func main() {
	ctx := context.Background()
	client, err := gcs.NewClient(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = leader.New(
		leader.WithLeaseManager(gcs.New(client, os.Args[1])),
		leader.WithLeaseName(os.Args[2]),
		leader.WhenStarted(func(context.Context) error {
			fmt.Println("leading")
			return nil
		}),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}
