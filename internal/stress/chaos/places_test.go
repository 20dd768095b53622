//go:build unix

package chaos

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

// A place is a kind of store, and how many elections run on it side by side, each with its own workers.
type place struct {
	name      string
	elections int
	workers   int           // of an election
	length    time.Duration // of the lease
	every     time.Duration // how often a leader writes
	open      func(t *testing.T, dir string) site

	// process is the name of the emulator's process, and of its directory. gate keeps rounds of an election apart from those
	// that suspend the emulator under all elections.
	process string
	gate    *sync.RWMutex
}

// A site is shared by the workers of one election.
type site struct {
	url      string                      // of the store; empty: each worker has a different one
	upstream string                      // URL of the service; empty: there is none
	host     string                      // if the service needs its own name in requests, not the proxy's
	environ  func(proxy string) []string // the environment that leads a worker's SDK to a proxy
}

// places are the stores; only the first has no server. Leases are as short as a busy machine allows: LocalStack takes up to
// half a second for a request when all processors are busy, and GCS allows one write a second to an object. On Azure they
// last 15 s at least, so more elections run side by side there.
func places() []*place {
	var localStack, gcs, azure, none sync.RWMutex
	return []*place{
		{"file", 1, 4, 1 * time.Second, 5 * time.Millisecond, openFile, "", &none},
		{"dynamodb", 1, 4, 3 * time.Second, 10 * time.Millisecond, openDynamoDB, "localstack", &localStack},
		{"s3", 1, 4, 3 * time.Second, 10 * time.Millisecond, openS3, "localstack", &localStack},
		{"gcs", 1, 4, 3 * time.Second, 10 * time.Millisecond, openGCS, "fake-gcs-server", &gcs},
		{"azure", 7, 3, 15 * time.Second, 30 * time.Millisecond, openAzure, "azurite", &azure},
	}
}

func openFile(_ *testing.T, _ string) site { return site{} }

// A line connects a worker to its store.
type line interface {
	Refuse() // makes every request of the worker fail, at once
	Heal()
}

// A mount is the line of a worker whose store is a directory. The worker's path is a link to that directory, which leads to
// itself while the disk is to be out of reach. So the system itself refuses, with ELOOP. ENOTDIR would not do: that is an
// ErrMisconfigured, with which a process that has just started rightly ends.
type mount struct {
	t         *testing.T
	link, dir string
}

func newMount(t *testing.T, dir, name string) *mount {
	m := &mount{t: t, link: filepath.Join(dir, name), dir: filepath.Join(dir, "leases")}
	require.NoError(t, os.MkdirAll(m.dir, 0o700))
	m.Heal()
	return m
}

func (m *mount) url() string { return (&url.URL{Scheme: "file", Path: m.link}).String() }
func (m *mount) Refuse()     { m.lead(m.link) }
func (m *mount) Heal()       { m.lead(m.dir) }

func (m *mount) lead(to string) {
	require.NoError(m.t, os.Symlink(to, m.link+".new"))
	require.NoError(m.t, os.Rename(m.link+".new", m.link)) // atomically
}

func openDynamoDB(t *testing.T, _ string) site {
	emulator.Need(t, emulator.DynamoDB)
	cfg, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	client := sdkdb.NewFromConfig(cfg)
	upstream := needProxy(t, client.Options().BaseEndpoint)
	table := emulator.Name(t) // never deleted: emulators forget
	require.NoError(t, dynamodb.CreateTable(t.Context(), client, table))
	return site{url: "dynamodb://" + table + "?age=true", upstream: upstream, environ: awsAt}
}

func openS3(t *testing.T, _ string) site {
	emulator.Need(t, emulator.S3)
	cfg, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	client := sdks3.NewFromConfig(cfg)
	upstream := needProxy(t, client.Options().BaseEndpoint)
	bucket := emulator.Name(t)
	_, err = client.CreateBucket(t.Context(), &sdks3.CreateBucketInput{Bucket: &bucket})
	require.NoError(t, err)
	return site{url: "s3://" + bucket + "?age=true", upstream: upstream, environ: awsAt}
}

func awsAt(proxy string) []string {
	return []string{"AWS_ENDPOINT_URL=" + proxy, "AWS_ENDPOINT_URL_DYNAMODB=" + proxy, "AWS_ENDPOINT_URL_S3=" + proxy}
}

// needProxy skips the test on a real account, which refuses what is signed for a proxy.
func needProxy(t *testing.T, endpoint *string) string {
	if endpoint == nil || *endpoint == "" {
		t.Skip("chaos goes through proxies, which needs an emulator")
	}
	return *endpoint
}

func openGCS(t *testing.T, _ string) site {
	emulator.Need(t, emulator.GCS)
	host := os.Getenv("STORAGE_EMULATOR_HOST")
	needProxy(t, &host)
	host = strings.TrimPrefix(host, "http://")
	client, err := storage.NewClient(t.Context())
	require.NoError(t, err)
	defer client.Close()
	bucket := emulator.Name(t)
	require.NoError(t, client.Bucket(bucket).Create(t.Context(), "test", nil))
	return site{url: "gs://" + bucket + "?age=true", upstream: "http://" + host, host: host, environ: func(proxy string) []string {
		return []string{"STORAGE_EMULATOR_HOST=" + strings.TrimPrefix(proxy, "http://")}
	}}
}

func openAzure(t *testing.T, _ string) site {
	emulator.Need(t, emulator.Azure)
	const variable = "AZURE_STORAGE_CONNECTION_STRING"
	connection := os.Getenv(variable)
	_, rest, _ := strings.Cut(connection, "BlobEndpoint=")
	upstream, _, ok := strings.Cut(rest, "/devstoreaccount1")
	if !ok {
		upstream = ""
	}
	needProxy(t, &upstream)
	return site{url: "azblob:///" + emulator.Name(t) + "?create=true", upstream: upstream, environ: func(proxy string) []string {
		return []string{variable + "=" + strings.Replace(connection, upstream, proxy, 1)}
	}}
}
