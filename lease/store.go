package lease

import (
	"context"
	"iter"
	"time"
)

// A Store is a set of cells, one per name. A cell can be read, and it can be written if it has not changed since it was
// read. [NewManager] keeps leases in a Store. To the store a cell is opaque: UTF-8 text of at most [MaxCell] bytes.
//
// A Store is safe for concurrent use, maps each valid name ([CheckName]) to a different cell, and returns soon after the
// context ends. It never loses an acknowledged write, and never deletes a cell. Its String method, if it has one, names
// the place in errors and in a node's status: as the URL that [Open] takes, if there is one, and without any secret.
//
// Both methods return a [MisconfiguredError] for a permanent error of the service. Their errors do not name the place: the
// manager does.
type Store interface {
	// Load reads the cell. It shows every write that was acknowledged before Load was called. If the cell does not
	// exist, it returns the zero Snapshot. If the store itself cannot read what the cell holds, the error is an ErrRecord.
	Load(ctx context.Context, name string) (Snapshot, error)

	// Swap writes the cell if its version is still old (empty: if the cell does not exist), atomically among all writers,
	// and returns the new version. If the version differs, the error is an ErrConflict. It may also be an ErrConflict if
	// the store's client sent the write twice by itself, and the first was applied. After any other error the write may
	// have happened, or may happen yet.
	Swap(ctx context.Context, name string, old Version, data []byte) (Version, error)
}

// A Snapshot shows a cell at one moment.
type Snapshot struct {
	Data    []byte
	Version Version // a different one for each write to the cell; empty: there is no cell
	// Age is a lower bound, by the store's own clock, on how long ago the write behind the snapshot was sent; 0 if the
	// store cannot tell. It comes from the service itself, and from no machine between: a fast clock would take the lease
	// from its holder. A store that can tell returns more than 0, also for a cell written just now: if it knows no better
	// bound, a nanosecond, which proves nothing.
	Age time.Duration
}

// Forever is a hundred years, which is longer than leases last. A store returns it as the Age of a cell whose writer certainly lives no more.
const Forever = 100 * 365 * 24 * time.Hour

// A Store may also have these methods. The manager that NewManager returns passes them on.
type (
	// A Lister yields the cells whose names begin with a prefix, in no special order. A cell that cannot be read comes
	// with Err, and the list goes on; an error of the sequence ends it.
	Lister interface {
		List(ctx context.Context, prefix string) iter.Seq2[Cell, error]
	}
	// A Limiter has bounds on its leases, which the function LimitsOf reads.
	Limiter interface{ Limits() Limits }
	// A Closer closes what the store opened by itself. No other method may be called after Close.
	Closer interface{ Close() error }
)

// A Cell is one element of a Lister's list.
type Cell struct {
	Name     string
	Snapshot Snapshot
	Err      error // why the cell could not be read; there is no Snapshot then
}
