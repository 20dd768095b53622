package doctor

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// foldered is a store that keeps cells as files do that have no room below them.
type foldered struct {
	lease.Store
	refuses bool // else it keeps what is below another cell, and hides it from lists
}

func (s foldered) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if s.refuses && strings.Contains(name, "/") {
		return "", errors.New("the parent is an object")
	}
	return s.Store.Swap(ctx, name, old, data)
}

func (s foldered) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		for c, err := range s.Store.(lease.Lister).List(ctx, prefix) {
			if err == nil && strings.Contains(c.Name, "/") {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// Some servers have no room below an object, or show nothing there: leaders may be elected on them, and no fleet may run.
func TestALeaseBelowAnother(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refuses        bool
		detail, advice string
	}{
		"hidden":  {false, `a list leaves out the lease "leader-doctor/below"`, "run no fleet here: its seats would be missing from all lists"},
		"refused": {true, `the lease "leader-doctor/below" cannot be kept here`, "run no fleet here"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := Check(t.Context(), lease.NewManager(foldered{memory.NewStore(), test.refuses}))
				require.NoError(t, r.Err(), "%+v", r)
				require.Equal(t, []string{"below"}, r.all(Warning))
				require.Contains(t, r.of("below").Detail, test.detail)
				require.Contains(t, r.of("below").Advice, test.advice)
				again := Check(t.Context(), lease.NewManager(foldered{memory.NewStore(), test.refuses}))
				require.Equal(t, []string{"below"}, again.all(Warning), "%+v", again)
			})
		})
	}
}
