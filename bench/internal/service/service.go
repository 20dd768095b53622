// Package service starts the services in which peers keep their leases, and counts the requests that arrive there.
//
//	services, err := service.Start(ctx, "dynamodb", "redis")
//	defer services.Close()
//	c := peer.Config{Endpoint: services.Endpoint("redis"), ...}
//	n := services.Counts("redis").Writes
//
// Everything listens on 127.0.0.1, on ports that were free. The cloud services are the emulators that the environment names;
// each gets a proxy, which counts.
package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cloudlease/leader/bench/internal/peer"
	"github.com/cloudlease/leader/internal/wire"
)

// ready is how long a service may take to answer.
const ready = 30 * time.Second

// starters have the function that starts each service.
var starters = map[string]func(ctx context.Context, p *part) error{
	"dynamodb":   startDynamoDB,
	"s3":         startS3,
	"gcs":        startGCS,
	"azure":      startAzure,
	"file":       startFile,
	"kubernetes": startKubernetes,
	"etcd":       startEtcd,
	"redis":      startRedis,
	"postgres":   startPostgres,
}

// Names returns the names of all services.
func Names() []string { return slices.Sorted(maps.Keys(starters)) }

// errMissing means that the server or the emulator of a service is not on this machine.
var errMissing = errors.New("not on this machine")

// Services are running services. They are safe for concurrent use.
type Services struct {
	dir     string
	parts   map[string]*part
	missing map[string]error
}

// A part is one running service.
type part struct {
	tally
	dir      string // an existing folder for its files
	endpoint string
	version  string
	stops    []func() // in the order in which they were added; called in reverse
}

// For starts the services of peers, as Start does. It returns the peers whose service runs, and a line about each of the others:
// what is not on this machine, and how to get it.
func For(ctx context.Context, peers []peer.Peer) (s *Services, there []peer.Peer, missing []string, err error) {
	var names []string
	for _, p := range peers {
		names = append(names, p.Service)
	}
	if s, err = Start(ctx, names...); err != nil {
		return nil, nil, nil, err
	}
	for _, p := range peers {
		if err := s.missing[p.Service]; err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", p.Name, err))
			continue
		}
		there = append(there, p)
	}
	return s, there, missing, nil
}

// Start starts the named services, each once; names are those of peer.Peer.Service. When it returns, the tables, buckets and
// containers that the peers use exist. It leaves out a service whose server or emulator is not on this machine; if that is each
// of them, it returns an error. The caller has to close the Services; the end of ctx does not.
func Start(ctx context.Context, names ...string) (*Services, error) {
	dir, err := os.MkdirTemp("", "leader-bench-*")
	if err == nil {
		err = os.Chmod(dir, 0o711) // PostgreSQL may have to run as another user, and its folder is in there
	}
	if err != nil {
		return nil, fmt.Errorf("services: make a folder for what they keep: %w", err)
	}
	s := &Services{dir: dir, parts: map[string]*part{}, missing: map[string]error{}}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if err = s.start(ctx, name); errors.Is(err, errMissing) {
			s.missing[name], err = err, nil
		}
		if err != nil {
			break
		}
	}
	if err == nil && len(s.parts) == 0 {
		err = errors.Join(slices.Collect(maps.Values(s.missing))...)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	for _, p := range s.parts {
		p.reset()
	}
	return s, nil
}

func (s *Services) start(ctx context.Context, name string) error {
	start, known := starters[name]
	if !known {
		return fmt.Errorf("service %q is unknown: there are %v", name, Names())
	}
	p := &part{dir: filepath.Join(s.dir, name)}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	s.parts[name] = p
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	if err := start(ctx, p); err != nil {
		if errors.Is(err, errMissing) {
			delete(s.parts, name) // nothing of it runs
		}
		return fmt.Errorf("service %s: %w", name, err)
	}
	return nil
}

// Close stops the services, waits until they have ended, and removes their files.
func (s *Services) Close() {
	for _, p := range s.parts {
		for _, stop := range slices.Backward(p.stops) {
			stop()
		}
	}
	_ = os.RemoveAll(s.dir)
}

// Endpoint returns the peer.Config.Endpoint for the peers of a running service; "" if it does not run.
func (s *Services) Endpoint(name string) string {
	if p := s.parts[name]; p != nil {
		return p.endpoint
	}
	return ""
}

// Version returns the version of a running service; "" if it does not say.
func (s *Services) Version(name string) string {
	if p := s.parts[name]; p != nil {
		return p.version
	}
	return ""
}

// Counts are the requests that have arrived at a service since Start returned. If a client retries by itself, each attempt
// counts, whatever its outcome.
//
// A request is an HTTP request (dynamodb, s3, gcs, azure, kubernetes), a command, which may be a script (redis), a statement
// (postgres), or a message that a client sends, also within a stream (etcd). The counts of redis and postgres come from the
// servers' own logs, a moment after the answer. A file has none.
//
// A write counts whether or not it changed anything: so does the attempt to take a lock that another node has. See ByName.
type Counts struct {
	Reads, Writes, Others int
	ByName                map[string]int // by the service's name for a request: "GetItem", "evalsha", "pg_advisory_lock", "LeaseKeepAlive"
}

// Counts returns the counts of a running service; none if it does not run.
func (s *Services) Counts(name string) Counts {
	if p := s.parts[name]; p != nil {
		return p.counts()
	}
	return Counts{ByName: map[string]int{}}
}

// A tally counts. The zero tally is ready.
type tally struct {
	mu sync.Mutex
	c  Counts
}

func (t *tally) note(kind wire.Kind, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch kind {
	case wire.Read:
		t.c.Reads++
	case wire.Write:
		t.c.Writes++
	default:
		t.c.Others++
	}
	if t.c.ByName == nil {
		t.c.ByName = map[string]int{}
	}
	t.c.ByName[name]++
}

func (t *tally) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.c = Counts{}
}

func (t *tally) counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.c
	if c.ByName = maps.Clone(c.ByName); c.ByName == nil {
		c.ByName = map[string]int{}
	}
	return c
}

// startFile has nothing to start: the folder is the service.
func startFile(_ context.Context, p *part) error {
	p.endpoint = p.dir
	return nil
}
