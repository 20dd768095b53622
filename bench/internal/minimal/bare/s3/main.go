// Command s3 reads and writes an object as lease/s3 does for an acquisition, with the SDK alone. Its arguments are the bucket
// and the object's key, which is new. It writes a line when it is done.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := s3.NewFromConfig(cfg)
	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: &os.Args[1], Key: &os.Args[2]})
	if _, missing := errors.AsType[*types.NoSuchKey](err); !missing {
		log.Fatal("the object is there: ", err)
	}
	_, err = client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &os.Args[1], Key: &os.Args[2], Body: strings.NewReader("{}"), IfNoneMatch: aws.String("*"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("written")
}
