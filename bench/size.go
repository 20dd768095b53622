package main

import (
	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/bench/internal/size"
)

func sizeCommand() *cobra.Command {
	o := size.Options{Log: log}
	c := &cobra.Command{
		Use:   "size",
		Short: "Size of small programs, and how soon they lead, beside the SDK alone",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := size.Measure(cmd.Context(), o)
			if err != nil {
				return err
			}
			return keep("size", r)
		},
	}
	c.Flags().StringSliceVar(&o.Programs, "programs", nil, "dynamodb, s3, gcs, azblob, file, memory (default: all)")
	c.Flags().IntVar(&o.Runs, "runs", 30, "how often each program is started")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "of the order within each pair, and of the intervals")
	return c
}
