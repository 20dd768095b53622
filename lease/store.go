package lease

import (
	"context"
	"iter"
	"time"
)

// A Store is a set of cells, one per name, each of which can be read, and written only if it is still what was read.
// [NewManager] makes leases of it. To the store a cell is opaque: UTF-8 text of at most 16 KiB.
//
// A Store is safe for concurrent use, maps every valid name ([CheckName]) to a cell of its own, and returns soon
// after the context ends. It gives up nothing that was written, and never deletes a cell. Its String method, if it
// has one, names the place in errors: "dynamodb table leases".
//
// Both methods return an error that is ErrMisconfigured for what will not mend itself, and that says what to do.
type Store interface {
	// Load reads the cell, consistently: it shows every write that was acknowledged before Load was called. A cell
	// that does not exist is the zero Snapshot. A cell that the store itself cannot make sense of is an ErrRecord.
	Load(ctx context.Context, name string) (Snapshot, error)

	// Swap writes the cell if its version is still old (empty: if it does not exist), atomically among all writers,
	// and returns the new version. If it is not, the error is an ErrConflict; so may it be if the store's client
	// retried a write by itself that had been applied. After any other error the write may have happened, or may
	// happen yet.
	Swap(ctx context.Context, name string, old Version, data []byte) (Version, error)
}

// A Snapshot is a cell as it was at one moment.
type Snapshot struct {
	Data    []byte
	Version Version // differs from that of every other write to the cell; empty: there is no cell
	// Age is a lower bound on how long ago, at this moment and by the store's own clock, the write behind the
	// snapshot was sent; 0 where the store cannot tell. It comes from the service itself and from nobody between: who
	// trusts a clock that is fast takes a lease from its holder. A store that can tell returns more than 0, also for a
	// cell written just now: if it knows no better bound, a nanosecond, which proves nothing.
	Age time.Duration
}

// Stores may have these methods as well. A manager that NewManager made passes them on.
type (
	// A Lister goes through the cells whose names begin with a prefix, in no special order. A cell that cannot be
	// read comes with Err, and the list goes on; an error of the sequence ends it.
	Lister interface {
		List(ctx context.Context, prefix string) iter.Seq2[Cell, error]
	}
	// A Limiter has limits.
	Limiter interface{ Limits() Limits }
	// A Closer gives up what the store opened by itself. Nothing else may be called after it.
	Closer interface{ Close() error }
)

// A Cell is one element of a list.
type Cell struct {
	Name     string
	Snapshot Snapshot
	Err      error
}
