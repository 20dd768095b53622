package store

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// deaf is a manager that does not mind the end of a context, as a read of a dead file server does not.
type deaf struct {
	lease.Manager
	until <-chan struct{}
	first []lease.Info
}

func (d deaf) Inspect(context.Context, string) (lease.Info, error) {
	<-d.until
	return lease.Info{}, nil
}

func (d deaf) List(context.Context, string) iter.Seq2[lease.Info, error] {
	return func(yield func(lease.Info, error) bool) {
		for _, info := range d.first {
			if !yield(info, nil) {
				return
			}
		}
		<-d.until
	}
}

// What does not end by itself is left behind.
func TestPatienceWithTheDeaf(t *testing.T) {
	t.Parallel()
	d := deaf{until: t.Context().Done(), first: []lease.Info{{Name: "a"}, {Name: "b"}}}
	s := &Store{Manager: d, Limit: 10 * time.Millisecond}
	_, err := s.Inspect(t.Context(), "a")
	require.ErrorContains(t, err, "the store has not answered within 10ms")
	var names []string
	for info, failed := range s.List(t.Context(), "") {
		if err = failed; err == nil {
			names = append(names, info.Name)
		}
	}
	require.Equal(t, []string{"a", "b"}, names)
	require.ErrorContains(t, err, "the store has not answered within 10ms")
}
