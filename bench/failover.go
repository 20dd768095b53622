package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/bench/internal/failover"
)

func failoverCommand() *cobra.Command {
	o := failover.Options{Log: log}
	cmd := &cobra.Command{
		Use:   "failover",
		Short: "Kill leaders, have them hand over, and see how soon the next one starts; half an hour",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := failover.Measure(cmd.Context(), o)
			if err != nil {
				return err
			}
			return keep("failover", r)
		},
	}
	cmd.Flags().StringSliceVar(&o.Peers, "peer", nil, "only these, by key (default: all)")
	cmd.Flags().IntVar(&o.Groups, "groups", 10, "of each peer, at once: three processes of some 12 MiB each. On two processors, twice as many wait for each other")
	cmd.Flags().IntVar(&o.Kills, "kills", 300, "kills of each peer; -1: none")
	cmd.Flags().IntVar(&o.Handovers, "handovers", 50, "hand-overs of each peer; -1: none")
	cmd.Flags().IntVar(&o.Fresh, "fresh", 40, "kills without a standby, of each store of this library; -1: none")
	cmd.Flags().DurationVar(&o.Length, "length", 15*time.Second, "of the leases")
	cmd.Flags().Float64Var(&o.LeadFrom, "lead-from", 6, "how long a leader leads before it goes: at least so many renew intervals")
	cmd.Flags().Float64Var(&o.LeadTo, "lead-to", 12, "and at most so many")
	return cmd
}
