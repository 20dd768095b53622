//go:build unix

package main

import (
	"testing"

	"cloud.google.com/go/storage"
	"github.com/aws/aws-sdk-go-v2/config"
	sdkdb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease/dynamodb"
)

// On each service: a job, the same one that is triggered too late, and a program that fails.
func TestRunOnServices(t *testing.T) {
	for service, open := range map[emulator.Service]func(t *testing.T) (url string){
		emulator.DynamoDB: func(t *testing.T) string {
			cfg, err := config.LoadDefaultConfig(t.Context())
			require.NoError(t, err)
			table := emulator.Name(t) // emulators forget
			require.NoError(t, dynamodb.CreateTable(t.Context(), sdkdb.NewFromConfig(cfg), table))
			return "dynamodb://" + table + "?age=true"
		},
		emulator.S3: func(t *testing.T) string {
			cfg, err := config.LoadDefaultConfig(t.Context())
			require.NoError(t, err)
			bucket := emulator.Name(t)
			_, err = sdks3.NewFromConfig(cfg).CreateBucket(t.Context(), &sdks3.CreateBucketInput{Bucket: &bucket})
			require.NoError(t, err)
			return "s3://" + bucket + "?age=true"
		},
		emulator.GCS: func(t *testing.T) string {
			client, err := storage.NewClient(t.Context())
			require.NoError(t, err)
			defer client.Close()
			bucket := emulator.Name(t)
			require.NoError(t, client.Bucket(bucket).Create(t.Context(), "test", nil))
			return "gs://" + bucket + "?age=true"
		},
		emulator.Azure: func(t *testing.T) string { return "azblob:///" + emulator.Name(t) + "?create=true" },
	} {
		t.Run(string(service), func(t *testing.T) {
			emulator.Need(t, service)
			s := newSite(t)
			url := open(t)
			job := func() int {
				return s.start("--store", url, "--once", "--hold-at-least", "15s", "--held-exit-code", "9", "--", "sh", "-c", `echo $LEADER_TOKEN >>$FILE`).wait()
			}
			require.Equal(t, 0, job())
			require.Equal(t, 9, job())
			require.Equal(t, []string{"1"}, s.lines())
			out, err := s.command("--store", url, "--name", "another", "--", "sh", "-c", `echo $LEADER_TOKEN; exit 6`).Output()
			require.ErrorContains(t, err, "exit status 6")
			require.Equal(t, "1\n", string(out))
		})
	}
}
