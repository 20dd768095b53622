//go:build unix

package chaos

import (
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
)

// A place is a kind of store, and how many elections, or fleets, run on it side by side, each with its own workers.
type place struct {
	name      string
	elections int
	workers   int              // of an election
	length    time.Duration    // of the lease
	every     time.Duration    // how often a leader writes
	service   emulator.Service // "": a directory, without a server
	query     string           // of the store's URL

	// process is the name of the emulator's process, and of its directory. gate keeps rounds of an election apart from those
	// that suspend the emulator under all elections.
	process string
	gate    *sync.RWMutex

	parts int // of each fleet, if these are fleets; 0: they are elections
}

// places are the stores; only the first has no server. Leases are as short as a busy machine allows: LocalStack takes up to
// half a second for a request when all processors are busy, and GCS allows one write a second to an object. On Azure they
// last 15 s at least, so more elections run side by side there.
func places() []*place {
	var localStack, gcs, azure, none sync.RWMutex
	return []*place{
		{"file", 1, 4, 1 * time.Second, 5 * time.Millisecond, "", "", "", &none, 0},
		{"dynamodb", 1, 4, 3 * time.Second, 10 * time.Millisecond, emulator.DynamoDB, "?age=true", "localstack", &localStack, 0},
		{"s3", 1, 4, 3 * time.Second, 10 * time.Millisecond, emulator.S3, "?age=true", "localstack", &localStack, 0},
		{"gcs", 1, 4, 3 * time.Second, 10 * time.Millisecond, emulator.GCS, "?age=true", "fake-gcs-server", &gcs, 0},
		{"azure", 7, 3, 15 * time.Second, 30 * time.Millisecond, emulator.Azure, "", "azurite", &azure, 0},
	}
}

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
