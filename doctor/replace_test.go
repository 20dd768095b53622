package doctor

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// careless is a store that passes over one of the two conditions of a write: that there is no cell, or that it has not changed.
type careless struct {
	lease.Store
	creations bool
}

func (s careless) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if s.creations == (old == "") {
		now, err := s.Load(ctx, name)
		if err != nil {
			return "", err
		}
		old = now.Version
	}
	return s.Store.Swap(ctx, name, old, data)
}

// native is a manager with leases of another kind than the cells that it keeps beside them, as that of Azure.
type native struct {
	*memory.Manager
	cells lease.Store
}

func (m native) Store() lease.Store { return m.cells }

// A store that is wrong only beside the leases is found out, too, however often a doctor has been there.
func TestDoctorFindsThatConditionsOfCellsArePassedOver(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		creations bool
		detail    string
	}{
		{true, "the creation of a record that is there was granted"},
		{false, "a write over an old version was granted"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := native{memory.New(), careless{memory.NewStore(), test.creations}}
			for range 2 {
				r := Check(t.Context(), m)
				wantFailed(t, r, "replace")
				require.Equal(t, test.detail, r.of("replace").Detail)
				require.Equal(t, unfit, r.of("replace").Advice)
			}
			require.NoError(t, Check(t.Context(), native{memory.New(), memory.NewStore()}).Err())
		})
	}
}
