//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/aws/aws-sdk-go-v2/config"
	sdkdb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease/dynamodb"
)

// placesOn make a place for leases on each service, and return its URL. Emulators forget.
var placesOn = map[emulator.Service]func(t *testing.T) (url string){
	emulator.DynamoDB: func(t *testing.T) string {
		cfg, err := config.LoadDefaultConfig(t.Context())
		require.NoError(t, err)
		table := emulator.Name(t)
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
}

// On each service: a job, the same one that is triggered too late, and a program that fails.
func TestRunOnServices(t *testing.T) {
	for service, open := range placesOn {
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

// On each service: leader is killed, and its guard gives the lease back. A lease that runs out would keep the next one waiting
// for two thirds of its length at least, which is longer than this test waits.
func TestRunIsKilledOnServices(t *testing.T) {
	for service, open := range placesOn {
		t.Run(string(service), func(t *testing.T) {
			emulator.Need(t, service)
			s := newSite(t)
			flags := append([]string{"--store", open(t)}, minute...)
			program := []string{"--", "sh", "-c", `trap 'echo ended >>$FILE; exit 0' TERM; echo $LEADER_TOKEN >>$FILE; while :; do sleep 0.01; done`}
			a := s.start(append(flags, program...)...)
			s.awaitLines(1)
			b := s.start(append(flags, program...)...)
			eventually(t, "it waits", func() bool { return strings.Contains(b.output.String(), "another node leads") })
			killed := time.Now()
			a.signal(syscall.SIGKILL)
			require.Equal(t, []string{"1", "ended", "2"}, s.awaitLines(3))
			t.Logf("the next leader's program ran %v after the kill, %.2f lease lengths", time.Since(killed), time.Since(killed).Minutes())
			b.signal(syscall.SIGTERM)
			require.Equal(t, 0, b.wait())
		})
	}
}
