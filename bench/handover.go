package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/bench/internal/failover"
)

func handoverCommand() *cobra.Command {
	o := failover.Options{Log: log, Follow: true, InTurn: true, Kills: -1, Fresh: -1}
	cmd := &cobra.Command{
		Use:   "handover",
		Short: "Have leaders hand over to standbys that are woken; a quarter of an hour",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := failover.Measure(cmd.Context(), o)
			if err != nil {
				return err
			}
			memory, err := failover.InMemory(cmd.Context(), o.Handovers, o.Length)
			if err != nil {
				return err
			}
			return keep("handover", failover.Handover{Result: r, Memory: memory})
		},
	}
	cmd.Flags().StringSliceVar(&o.Peers, "peer", nil, "only these, by key (default: all)")
	cmd.Flags().IntVar(&o.Groups, "groups", 20, "of a peer, at once: three processes of some 12 MiB each")
	cmd.Flags().IntVar(&o.Handovers, "handovers", 100, "hand-overs of each peer")
	cmd.Flags().DurationVar(&o.Length, "length", 15*time.Second, "of the leases")
	cmd.Flags().Float64Var(&o.LeadFrom, "lead-from", 1, "how long a leader leads before it goes: at least so many renew intervals")
	cmd.Flags().Float64Var(&o.LeadTo, "lead-to", 3, "and at most so many")
	return cmd
}
