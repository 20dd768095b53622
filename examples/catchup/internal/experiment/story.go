package experiment

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// The leases of the two projections. In a fleet, the second is the fleet's name, and each partition has a lease.
const (
	statementLease = "statement"
	searchLease    = "search"
)

var names = []string{"a", "b", "c"}

// patience is how long the story waits for anything that must happen, on a machine that is busy with other things.
const patience = time.Minute

// A story is the experiment: the nodes, the current leaders, and the results.
type story struct {
	Options
	ctx       context.Context
	out       io.Writer
	began     time.Time
	random    *rand.Rand
	cluster   *cluster
	database  database
	db        *sql.DB
	documents *documents
	leases    lease.Manager // without a proxy

	producer *appender
	variant  variant

	leaders  map[string]event  // the latest whose work goes on, by lease
	workedOn map[term][]string // the nodes whose work went on under a token
	faults   map[string]int    // how many of each kind
	refused  int               // late transactions that the fence has refused
	ended    int               // late commits whose transaction the database had ended, so that the next term could claim
}

// A variant is one way to share the work among the nodes.
type variant interface {
	introduce()
	works() []string             // the leases under which works are to go on
	acts() []func() error        // happen in any case
	misfortunes() []func() error // happen at random, until the time is over
	catchesUp() error            // waits until all events are applied
	judge(did tally) error       // prints the verdict; its error names the rules that were broken
}

// tell does the experiment. Its error names the rules that were broken.
func (s *story) tell(dir, server string) (err error) {
	if s.database, err = makeDatabase(s.ctx, server, dir); err != nil {
		return err
	}
	defer func() { s.database.drop() }()
	if s.db, err = s.database.open(); err != nil {
		return err
	}
	defer s.db.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cells := memory.NewStore()
	s.leases = lease.NewManager(cells)
	mux := http.NewServeMux()
	mux.Handle("/leases", serveLeases(cells))
	mux.Handle("PUT /documents/{position}", s.documents)
	web := &http.Server{Handler: mux}
	defer web.Close()
	go func() { _ = web.Serve(listener) }() // until it is closed
	s.cluster = &cluster{
		dir: dir, length: s.LeaseLength, database: s.database, server: listener.Addr().String(), fleet: s.Fleet,
		events: make(chan event, 1000), closed: make(chan struct{}), nodes: map[string]*node{},
	}
	defer s.cluster.close(patience)
	s.variant = elections{s}
	if s.Fleet {
		s.variant = partitions{s}
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.producer.stop()
	for _, act := range s.variant.acts() {
		if err := act(); err != nil {
			return err
		}
	}
	if err := s.misfortunes(); err != nil {
		return err
	}
	return s.end()
}

// begin starts the nodes and the producer, and waits until all works have begun.
func (s *story) begin() error {
	s.variant.introduce()
	for _, name := range names {
		if err := s.cluster.add(name); err != nil {
			return err
		}
		if err := s.start(name); err != nil {
			return err
		}
	}
	var err error
	if s.producer, err = s.cluster.startProducer(); err != nil {
		return err
	}
	s.remark("the producer starts, as process %d", s.producer.cmd.Process.Pid)
	for _, lease := range s.variant.works() {
		for s.leaders[lease].node == "" {
			if _, err := s.await("the work of "+lease+" to begin", func(e event) bool { return e.Lease == lease }); err != nil {
				return err
			}
		}
	}
	return nil
}

// misfortunes are random ones, until the time is over.
func (s *story) misfortunes() error {
	faults := s.variant.misfortunes()
	for time.Since(s.began) < s.For {
		if err := s.rest(time.Duration(s.random.Int64N(int64(time.Second)))); err != nil {
			return err
		}
		if err := faults[s.random.IntN(len(faults))](); err != nil {
			return err
		}
	}
	return nil
}

// end stops the producer, waits until the works have caught up, stops all nodes, and judges.
func (s *story) end() error {
	s.remark("the producer is asked to stop")
	did, err := s.producer.stop()
	if err != nil {
		return fmt.Errorf("the producer: %w: see producer.log", err)
	}
	if err := s.variant.catchesUp(); err != nil {
		return err
	}
	s.remark("all nodes are asked to stop, the leaders last")
	for _, last := range []bool{false, true} {
		for _, name := range names {
			if s.leads(name) == last {
				if err := s.dismiss(name); err != nil {
					return err
				}
			}
		}
	}
	return s.variant.judge(did)
}

func (s *story) leads(name string) bool {
	return slices.ContainsFunc(s.variant.works(), func(lease string) bool { return s.leaders[lease].node == name })
}

func (s *story) dismiss(name string) error {
	n := s.cluster.nodes[name]
	if err := n.stop(); err != nil {
		return err
	}
	_, err := s.await("node "+name+" to end", func(e event) bool { return e.ends && e.node == name })
	if err == nil && !n.cmd.ProcessState.Success() {
		err = fmt.Errorf("node %s was asked to stop, and ended with %v", name, n.cmd.ProcessState)
	}
	return err
}
