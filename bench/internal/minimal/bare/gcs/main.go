// Command gcs reads and writes an object as lease/gcs does for an acquisition, with the SDK alone. Its arguments are the bucket
// and the object's name, which is new. It writes a line when it is done.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"cloud.google.com/go/storage"
)

func main() {
	ctx := context.Background()
	client, err := storage.NewClient(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	object := client.Bucket(os.Args[1]).Object(os.Args[2])
	if _, err = object.NewReader(ctx); !errors.Is(err, storage.ErrObjectNotExist) {
		log.Fatal("the object is there: ", err)
	}
	w := object.If(storage.Conditions{DoesNotExist: true}).NewWriter(ctx)
	fmt.Fprint(w, "{}")
	if err = w.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("written")
}
