// Command memory leads once, by a lease in its own memory, as a user would write it. Its arguments are a place, which it
// ignores, and the lease's name. It writes a line when it leads.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease/memory"
)

func main() {
	err := leader.New(
		leader.WithLeaseManager(memory.New()),
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
