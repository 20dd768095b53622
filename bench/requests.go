package main

import (
	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/bench/internal/requests"
)

func requestsCommand() *cobra.Command {
	o := requests.Options{Log: log}
	cmd := &cobra.Command{
		Use:   "requests",
		Short: "Count the requests of a renewal, a poll, an acquisition and a release, and of an hour; and what they cost",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := requests.Measure(cmd.Context(), o)
			if err != nil {
				return err
			}
			return keep("requests", r)
		},
	}
	cmd.Flags().StringSliceVar(&o.Peers, "peer", nil, "only these, by key (default: all whose service has requests)")
	cmd.Flags().IntVar(&o.Calls, "calls", 20, "calls of each kind")
	cmd.Flags().IntVar(&o.Cycles, "cycles", 5, "acquisitions and releases")
	cmd.Flags().IntVar(&o.Standbys, "standbys", 2, "standbys beside the leader")
	cmd.Flags().DurationVar(&o.Window, "window", 0, "how long each steady state is watched (default 4m)")
	return cmd
}
