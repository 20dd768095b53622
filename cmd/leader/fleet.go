package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
)

func (a *app) fleetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Divide the parts of a work over many machines",
		Long: `A fleet divides parts, such as 64 partitions or a list of tenants, over the nodes that are alive: programs with package fleet, or
leader fleet run. One node at a time has a part, with a fencing token.

Each node holds a seat, a lease that it renews, however many parts it has. One of the nodes is the coordinator: it holds the
lease with the fleet's name, and keeps the plan in that lease's value: which node has each part.`,
	}
	cmd.AddCommand(a.fleetRunCommand(), a.fleetStatusCommand(), a.fleetWatchCommand(), a.fleetMoveCommand(), a.fleetDrainCommand(), a.fleetResetCommand())
	return cmd
}

func fleetNameFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "name", fleet.DefaultName, "`name` of the fleet, if there is no argument")
}

// inspectFleet looks at a fleet. An invalid name is a usage error.
func inspectFleet(ctx context.Context, s *store.Store, name string) (fleet.Overview, error) {
	o, err := s.Fleet(ctx, name)
	if errors.Is(err, lease.ErrInvalid) {
		err = usage(err)
	}
	return o, err
}

// completeFleets completes the name of a fleet with those of the store: fleets have seats.
func (a *app) completeFleets(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.complete(cmd, given, func(ctx context.Context, s *store.Store, add func(name, what string) bool) {
		seen := map[string]bool{}
		for info, err := range s.List(ctx, begun) {
			name, _, isSeat := fleet.SeatOf(info.Name)
			if err != nil || isSeat && !seen[name] && strings.HasPrefix(name, begun) && !add(name, "") {
				break
			}
			seen[name] = seen[name] || isSeat
		}
	})
}
