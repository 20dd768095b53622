package memory_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/scenario"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

func TestScenario(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		scenario.Run(t, scenario.Place{
			Connect: func(testing.TB) (lease.Manager, func()) { return scenario.Cut(lease.NewManager(store)) },
			Token: func(t testing.TB, name string) uint64 {
				found, err := store.Load(t.Context(), name)
				require.NoError(t, err)
				return scenario.TokenIn(t, found.Data)
			},
		})
	})
}
