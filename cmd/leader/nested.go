package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/cloudlease/leader/cmd/leader/internal/guard"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
)

// What the program finds in its environment, beside guard.TokenVariable. None is the variable of a flag (see variableOf): a leader run in
// the program, or in a script that it starts, would take it for its own setting, and stand by for the lease that it runs under.
const (
	leaseVariable  = "LEADER_LEASE"
	holderVariable = "LEADER_HOLDER"
	fleetVariable  = "LEADER_FLEET" // under leader fleet run
	partVariable   = "LEADER_PART"  // likewise
)

// checkNestedFleet refuses a fleet that this process works on a part of: the program of each part would start others.
func checkNestedFleet(ctx context.Context, s *store.Store, name string) error {
	if os.Getenv(fleetVariable) != name {
		return nil
	}
	o, err := s.Fleet(ctx, name)
	if err != nil {
		return nil // the node says what is wrong with the store
	}
	for _, p := range o.Parts {
		if p.Part == os.Getenv(partVariable) && strconv.FormatUint(p.Token, 10) == os.Getenv(guard.TokenVariable) {
			return usage(fmt.Errorf("this process works on part %q of fleet %q, under the leader fleet run that started it: give this one another --name", p.Part, name))
		}
	}
	return nil
}

// checkNested refuses a lease that this process runs under: the holder waits for the end of this process, which would wait for
// the lease.
func checkNested(ctx context.Context, s *store.Store, name string) error {
	if os.Getenv(leaseVariable) != name {
		return nil
	}
	info, err := s.Inspect(ctx, name)
	if err != nil {
		return nil // the campaign says what is wrong with the store
	}
	if info.State == lease.Held && info.Holder == os.Getenv(holderVariable) && strconv.FormatUint(info.Token, 10) == os.Getenv(guard.TokenVariable) {
		return usage(fmt.Errorf("lease %q is held by the leader run that started this one, and that waits for its end: give this one another --name", name))
	}
	return nil
}
