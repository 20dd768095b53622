package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/cloudlease/leader/lease"
)

// List reads the checkpoints whose names begin with prefix, in no special order, without touching them. One that cannot be read,
// or holds no T, is an Info with Err, and the list goes on; an error of the sequence ends it. The error is errors.ErrUnsupported if
// the manager has no store for checkpoints, or one that does not list.
func List[T any](ctx context.Context, m lease.Manager, prefix string) iter.Seq2[Info[T], error] {
	return func(yield func(Info[T], error) bool) {
		store, _ := lease.StoreOf(m)
		lister, ok := store.(lease.Lister)
		if !ok {
			yield(Info[T]{}, fmt.Errorf("list checkpoints: %T has no store that lists: %w", m, errors.ErrUnsupported))
			return
		}
		for found, err := range lister.List(ctx, lease.CheckpointPrefix+prefix) {
			if err != nil {
				yield(Info[T]{}, lease.Explain(lease.PlaceOf(m), "list checkpoints", prefix, err))
				return
			}
			if !yield(listed[T](m, found), nil) {
				return
			}
		}
	}
}

func listed[T any](m lease.Manager, found lease.Cell) Info[T] {
	name := strings.TrimPrefix(found.Name, lease.CheckpointPrefix)
	r, err := record{}, found.Err
	if err == nil {
		r, err = decode(found.Snapshot.Data)
	}
	var info Info[T]
	if err == nil {
		info, err = infoOf[T](name, r)
	}
	if err != nil {
		return Info[T]{Name: name, Err: lease.Explain(lease.PlaceOf(m), "list checkpoint", name, err)}
	}
	return info
}
