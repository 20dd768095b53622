package main

import (
	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/bench/internal/command"
)

func commandCommand() *cobra.Command {
	o := command.Options{Log: log}
	c := &cobra.Command{
		Use:   "command",
		Short: "How long no program runs after leader run was killed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, _, err := places()
			if err != nil {
				return err
			}
			o.Root = root
			r, err := command.Measure(cmd.Context(), o)
			if err != nil {
				return err
			}
			return keep("command", r)
		},
	}
	c.Flags().IntVar(&o.Kills, "kills", 30, "of leader run, on each store")
	return c
}
