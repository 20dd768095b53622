package main

import (
	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/bench/internal/overhead"
)

func overheadCommand() *cobra.Command {
	o := overhead.Options{Log: log}
	c := &cobra.Command{
		Use:   "overhead",
		Short: "Time and allocations of each call, beside the SDK's bare calls",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := overhead.Measure(cmd.Context(), o)
			if err != nil {
				return err
			}
			return keep("overhead", r)
		},
	}
	c.Flags().StringSliceVar(&o.Services, "services", nil, "dynamodb, s3, gcs, azblob (default: all)")
	c.Flags().IntVar(&o.Pairs, "pairs", 0, "of each call (default: 1,000 for dynamodb and s3, 2,000 for gcs and azblob)")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "of the order within each pair, and of the intervals")
	return c
}
