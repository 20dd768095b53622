package deploy

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease"
)

// A life does at a store what one kind of program does there.
type life func(t *testing.T, store string)

var lives = map[string]life{"leader": leads, "observer": observes, "fleet": divides}

// A service has a store, and how it names permissions.
type service struct {
	service     emulator.Service
	permissions func(*http.Response) []string
	files       func(role string) []string // with the permissions of a role
}

var services = []service{
	{emulator.DynamoDB, onDynamoDB, func(role string) []string { return []string{"aws/policies/dynamodb-" + role + ".json"} }},
	{emulator.S3, onS3, func(role string) []string {
		return []string{"aws/policies/s3-" + role + "-objects.json", "aws/policies/s3-" + role + "-bucket.json"}
	}},
	{emulator.GCS, onGCS, func(role string) []string { return []string{"gcp/roles/" + role + ".json"} }},
	{emulator.Azure, onAzure, func(role string) []string { return []string{"azure/roles/" + role + ".json"} }},
}

// Each policy allows what its role does on the wire, and nothing else.
func TestPoliciesAreWhatIsNeeded(t *testing.T) {
	for _, s := range services {
		for role, live := range lives {
			t.Run(string(s.service)+"/"+role, func(t *testing.T) {
				place := emulated.Make(t, s.service) // needs more permissions, and is not watched
				if role == "observer" {
					leads(t, place.URL)
				}
				w := watch(t, s.service, s.permissions)
				live(t, place.URL)
				require.Equal(t, allowed(t, s.files(role)), w.needed(t), "what %v allow, and what was asked for", s.files(role))
			})
		}
	}
}

// allowed returns the permissions that the files give, sorted.
func allowed(t *testing.T, files []string) (all []string) {
	for _, name := range files {
		text, err := os.ReadFile(filepath.FromSlash(name))
		require.NoError(t, err)
		var policy struct {
			Action              []string // AWS
			IncludedPermissions []string // Google Cloud
			Actions             []string // Azure
			DataActions         []string
		}
		require.NoError(t, json.Unmarshal(text, &policy))
		all = append(all, slices.Concat(policy.Action, policy.IncludedPermissions, policy.Actions, policy.DataActions)...)
	}
	slices.Sort(all)
	return all
}

func open(t *testing.T, store string) lease.Manager {
	manager, err := lease.Open(t.Context(), store)
	require.NoError(t, err)
	t.Cleanup(func() { _ = lease.Close(manager) })
	return manager
}

// leads takes a lease that was never taken, keeps a value in it, renews and releases it; takes it again; and stands by.
func leads(t *testing.T, store string) {
	manager := open(t, store)
	options := func(work func(context.Context) error) *leader.Leader {
		return leader.New(leader.WithLeaseManager(manager), leader.WithLeaseName("orders"), leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WhenStarted(work))
	}
	work := func(ctx context.Context) error { return leader.SetValue(ctx, "1") }
	require.NoError(t, options(work).RunOnce(t.Context()))
	require.NoError(t, options(func(ctx context.Context) error {
		err := options(work).RunOnce(ctx)
		require.ErrorIs(t, err, lease.ErrHeld)
		return nil
	}).RunOnce(t.Context()))
}

// observes does what leader status and leader list do.
func observes(t *testing.T, store string) {
	manager := open(t, store)
	info, err := lease.Inspect(t.Context(), manager, "orders")
	require.NoError(t, err)
	require.Equal(t, lease.Free, info.State)
	_, err = lease.Inspect(t.Context(), manager, "never-taken")
	require.NoError(t, err)
	found := 0
	for info, err := range lease.List(t.Context(), manager, "") {
		require.NoError(t, err)
		require.Equal(t, "orders", info.Name)
		found++
	}
	require.Equal(t, 1, found)
}

// divides lets a fleet of one node work on each part, and looks at it.
func divides(t *testing.T, store string) {
	manager := open(t, store)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	parts := make(chan string, 2)
	ended := make(chan error, 1)
	f := fleet.New(fleet.WithLeaseManager(manager), fleet.WithName("orders"), fleet.WithShards(2),
		fleet.WithLogger(slog.New(slog.DiscardHandler)),
		fleet.WhenAssigned(func(ctx context.Context, part string) error {
			parts <- part
			<-ctx.Done()
			return context.Cause(ctx)
		}))
	go func() { ended <- f.Run(ctx) }()
	for range 2 {
		select {
		case <-parts:
		case err := <-ended:
			require.NoError(t, err, "the fleet ended")
		}
	}
	_, err := fleet.Inspect(ctx, manager, "orders")
	require.NoError(t, err)
	stop()
	require.NoError(t, <-ended)
}

// Who breaks leases, hands them over, drains nodes and moves checkpoints by hand needs what a leader needs, and to list them what an observer does.
func TestOperatorsNeedBothPolicies(t *testing.T) {
	for _, s := range services {
		t.Run(string(s.service), func(t *testing.T) {
			place := emulated.Make(t, s.service)
			w := watch(t, s.service, s.permissions)
			operates(t, place.URL)
			both := append(allowed(t, s.files("leader")), allowed(t, s.files("observer"))...)
			slices.Sort(both)
			require.Equal(t, slices.Compact(both), w.needed(t), "what a leader and an observer may do, and what was asked for")
		})
	}
}

// operates does what leader handover, break, checkpoint set and list do.
func operates(t *testing.T, store string) {
	manager := open(t, store)
	_, err := manager.Acquire(t.Context(), lease.Request{Name: "orders", Holder: "node-1", Length: time.Minute, Heeds: []string{lease.WishHandover}})
	require.NoError(t, err)
	info, err := lease.Inspect(t.Context(), manager, "orders")
	require.NoError(t, err)
	require.NoError(t, lease.Ask(t.Context(), manager, info, lease.Wish{Kind: lease.WishHandover, For: "node-2", By: "operator"}))
	info, err = lease.Inspect(t.Context(), manager, "orders")
	require.NoError(t, err)
	require.NoError(t, lease.Break(t.Context(), manager, info))
	require.NoError(t, checkpoint.Reset(t.Context(), manager, "orders", 1, checkpoint.For("orders", 0)))
	for _, err := range lease.List(t.Context(), manager, "") {
		require.NoError(t, err)
	}
}
