package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/cloudlease/leader/lease"
)

// What the program finds in its environment. None is the variable of a flag: a leader run in the program, or in a script that it
// starts, would take it for its own setting, and stand by for the lease that it runs under.
const (
	tokenVariable  = "LEADER_TOKEN"
	leaseVariable  = "LEADER_LEASE"
	holderVariable = "LEADER_HOLDER"
)

// checkNested refuses a lease that this process runs under: its holder waits for the end of this process, which would wait for
// the lease.
func (a *app) checkNested(ctx context.Context, m lease.Manager, name string) error {
	if os.Getenv(leaseVariable) != name {
		return nil
	}
	info, err := a.inspect(ctx, m, name)
	if err != nil {
		return nil // the campaign says what is wrong with the store
	}
	if info.State == lease.Held && info.Holder == os.Getenv(holderVariable) && strconv.FormatUint(info.Token, 10) == os.Getenv(tokenVariable) {
		return usage(fmt.Errorf("lease %q is held by the leader run that this one runs under, and that waits for it to end: give this one another --name", name))
	}
	return nil
}
