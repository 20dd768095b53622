// Command file leads once, by a lease in a directory, as a user would write it. Its arguments are the directory and the lease's
// name. It writes a line when it leads.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease/file"
)

func main() {
	err := leader.New(
		leader.WithLeaseManager(file.New(os.Args[1])),
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
