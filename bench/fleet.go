package main

import (
	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/bench/internal/fleets"
)

func fleetCommand() *cobra.Command {
	o := fleets.Options{Log: log}
	c := &cobra.Command{
		Use:   "fleet",
		Short: "Requests of a fleet of 20 nodes with 1,000 parts, what they cost, and how long parts are nobody's",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, _, err := places()
			if err != nil {
				return err
			}
			o.Root = root
			r, err := fleets.Measure(cmd.Context(), o)
			if err != nil {
				return err
			}
			return keep("fleet", r)
		},
	}
	c.Flags().StringSliceVar(&o.Services, "services", nil, "dynamodb, s3, gcs, azure (default: all)")
	c.Flags().DurationVar(&o.Window, "window", 0, "how long requests are counted on each service (default 2m)")
	c.Flags().IntVar(&o.Times, "times", 100, "how often a start, a join, a leave and a crash are measured, in virtual time")
	return c
}
