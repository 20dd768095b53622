package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/leaderhttp"
)

// tellFlag adds the flag --tell.
func tellFlag(cmd *cobra.Command, to *hosts) {
	cmd.Flags().Var(to, "tell", "tell the holder at once, and not at its next renewal, if the address that it publishes (--attribute watch=URL of its leader run) is on this `host`; may be repeated")
}

// onTellingStore is onStore with a store that tells a holder at once what it is asked for, if the holder is on one of the hosts.
func (a *app) onTellingStore(ctx context.Context, to hosts, do func(*store.Store) error) error {
	return a.onStore(ctx, func(s *store.Store) error {
		if len(to) > 0 {
			s.Manager = leaderhttp.Telling(s.Manager, leaderhttp.FollowHosts(to...))
		}
		return do(s)
	})
}
