package experiment

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/fleet"
)

// partitions is the variant with a fleet. Each node follows some of the partitions, and each partition has its checkpoint.
type partitions struct{ *story }

// partPrefix begins the name of a partition's lease.
const partPrefix = searchLease + "/parts/"

func (s partitions) works() (leases []string) {
	for p := range events.Partitions {
		leases = append(leases, partPrefix+strconv.Itoa(p))
	}
	return leases
}

func (s partitions) introduce() {
	fmt.Fprintf(s.out, `Three worker processes follow a log of events in %s, which a producer appends to. They divide its %d partitions, as a
fleet with leases of %v, and fill a search index elsewhere. Each partition has a checkpoint: each event at least once, in its order.
`, s.database, events.Partitions, s.LeaseLength)
	s.heading()
}

func (s partitions) acts() []func() error {
	acts := []func() error{s.freezeUntilRefused, s.kill, s.killCoordinator, s.suspend, s.isolate, s.comeAndGo}
	if s.database.postgres() {
		return append(acts, s.blind)
	}
	s.remark("SQLite has no network: an act is left out that PostgreSQL has")
	return acts
}

func (s partitions) misfortunes() []func() error {
	faults := []func() error{s.kill, s.killCoordinator, s.suspend, s.isolate, s.freeze, s.comeAndGo}
	if s.database.postgres() {
		faults = append(faults, s.blind, s.cut)
	}
	return faults
}

func (s partitions) catchesUp() error {
	all := 0
	if err := s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM events`).Scan(&all); err != nil {
		return err
	}
	return s.until("the index to catch up", func() (bool, error) { return s.documents.count() >= all, nil })
}

func (s partitions) judge(did tally) error {
	e, err := s.collect()
	if err != nil {
		return err
	}
	of := make([][]events.Event, events.Partitions)
	for _, event := range e.events {
		p := events.PartitionOf(event.Customer)
		of[p] = append(of[p], event)
	}
	for p, follows := range of {
		part := strconv.Itoa(p)
		if err := s.follow(&e, partPrefix+part, "search-"+part, follows); err != nil {
			return err
		}
	}
	refused, _, _ := s.documents.counts()
	s.sum(e, did, []count{{"terms of partitions", len(s.workedOn)}, {"late documents that the index refused", refused}})
	return s.conclude(append(e.verifyIndex(), s.unchanged(), proves("the index has refused a late document, at least once", refused)))
}

// A victim is a node that a fault befalls, with the latest token of each partition that it has.
type victim struct {
	*node
	tokens map[string]uint64 // by lease
}

// befall counts a fault, and returns the node that it befalls: the coordinator, or another one that has partitions.
func (s partitions) befall(fault string, coordinator bool) (v victim, err error) {
	o, err := fleet.Inspect(s.ctx, s.leases, searchLease)
	if err != nil {
		return v, err
	}
	had := s.tokens()
	name := o.Coordinator.Holder
	if !coordinator {
		others := slices.DeleteFunc(slices.Sorted(maps.Keys(had)), func(node string) bool { return node == name && len(had) > 1 })
		name = others[s.random.IntN(len(others))]
	}
	s.faults["nodes "+fault]++
	return victim{s.cluster.nodes[name], had[name]}, nil
}

// tokens returns the latest token of each node's partitions.
func (s partitions) tokens() map[string]map[string]uint64 {
	had := map[string]map[string]uint64{}
	for _, lease := range s.works() {
		e := s.leaders[lease]
		if had[e.node] == nil {
			had[e.node] = map[string]uint64{}
		}
		had[e.node][lease] = e.Token
	}
	return had
}

// succeeded waits until a later term of each of the victim's partitions goes on, and has put a document.
func (s partitions) succeeded(v victim) error {
	for lease, token := range v.tokens {
		for s.leaders[lease].Token <= token {
			if _, err := s.await("a later term of "+lease, func(e event) bool { return e.Lease == lease }); err != nil {
				return err
			}
		}
	}
	for lease, token := range v.tokens {
		if err := s.until("a document of a later term of "+lease, func() (bool, error) { return s.documents.under(lease) > token, nil }); err != nil {
			return err
		}
	}
	return nil
}
