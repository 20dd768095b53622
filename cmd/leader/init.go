package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
)

func (a *app) initCommand() *cobra.Command {
	var location string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make what a store keeps its leases in",
		Long: `init makes the table, bucket, container or directory that the store's URL names, as leases need it, and waits until it can be
used. It leaves an existing one as it is. It needs permissions that no other command needs: dynamodb:CreateTable and
dynamodb:DescribeTable, s3:CreateBucket, storage.buckets.create, or the role on the storage account.

  DynamoDB  a table with the key that the URL names, billed by request
  S3        a bucket in the URL's region, not public, without versions
  Google    a bucket without soft delete, not public, in the project that GOOGLE_CLOUD_PROJECT names
  Azure     a container, not public
  file:     a directory for this user alone

Exit codes:
  0  it exists now
  1  it could not be made
  2  a flag or the store's URL is wrong

Environment: LEADER_STORE, LEADER_LOCATION, LEADER_TIMEOUT.`,
		Example: `  leader init --store 'dynamodb://leases?region=eu-west-1'
  leader init --store gs://my-leases --location europe-west1`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.init(cmd.Context(), location, lease.MakeTimeout)
		},
	}
	cmd.Flags().StringVar(&location, "location", "", "`place` of a new Google bucket, such as europe-west1 (default US)")
	return cmd
}

func (a *app) init(ctx context.Context, location string, atLeast time.Duration) error {
	return a.onStore(ctx, func(s *store.Store) error {
		made, err := s.MakePlace(ctx, location, atLeast)
		switch {
		case errors.Is(err, lease.ErrInvalid):
			return usage(err)
		case err != nil:
			return err
		case made:
			fmt.Fprintf(a.out, "Made %s.\n", lease.PlaceOf(s.Manager))
		default:
			fmt.Fprintf(a.out, "%s exists already.\n", lease.PlaceOf(s.Manager))
		}
		return nil
	})
}
