package main

import (
	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/bench/internal/scale"
)

func scaleCommand() *cobra.Command {
	o := scale.Options{Log: log}
	c := &cobra.Command{
		Use:   "scale",
		Short: "Memory, goroutines, CPU time and requests of many leases in one process",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := scale.Measure(cmd.Context(), o)
			if err != nil {
				return err
			}
			return keep("scale", r)
		},
	}
	c.Flags().IntSliceVar(&o.Leases, "leases", nil, "in one process, several times (default: 1,100,10000)")
	c.Flags().DurationVar(&o.Window, "window", 0, "how long each process is watched (default: 15s)")
	return c
}
