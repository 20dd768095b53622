package fencetest

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"flag"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/lease"
)

var seedFlag = flag.Uint64("seed", 0, "of the random suspensions; 0 is a new one")

var seed = sync.OnceValue(func() uint64 { return cmp.Or(*seedFlag, rand.Uint64()) })

// A sleeper is a term's work that is suspended before each statement and each commit, until it is woken.
type sleeper struct {
	worker
	claims func(ctx context.Context, s *sleeper) error // what it does first: claim, then read
	wake   chan struct{}                               // each value is one step
	asleep atomic.Bool                                 // it waits for a value
	ended  atomic.Bool
}

type sleeperKey struct{}

// suspend suspends the sleeper that ctx carries.
func suspend(ctx context.Context) {
	if s, ok := ctx.Value(sleeperKey{}).(*sleeper); ok {
		s.asleep.Store(true)
		<-s.wake
		s.asleep.Store(false)
	}
}

// work applies events until it is refused. Terms do not end by themselves here: nothing but the database stops it.
func (s *sleeper) work(ctx context.Context, t *testing.T) {
	defer s.ended.Store(true)
	defer s.rollback()
	err := s.claims(ctx, s)
	for err == nil {
		if err = s.apply(ctx); err == nil {
			s.position++
		}
	}
	if ctx.Err() == nil {
		assert.ErrorIs(t, err, lease.ErrLost)
	}
}

func (s *sleeper) claim(ctx context.Context) error {
	for {
		if err := fence.Claim(ctx, s.db.DB, s.term); !fence.Repeatable(err) {
			return err
		}
	}
}

func claimThenRead(ctx context.Context, s *sleeper) error {
	if err := s.claim(ctx); err != nil {
		return err
	}
	return s.read(ctx)
}

func readThenClaim(ctx context.Context, s *sleeper) error {
	if err := s.read(ctx); err != nil {
		return err
	}
	return s.claim(ctx)
}

// wander suspends works at random points so many times, and returns how often each event was applied. Every now and then a
// new term begins, though the old ones go on.
func wander(t *testing.T, suspensions int, claims func(context.Context, *sleeper) error) (times map[int64]int, position int64) {
	const atOnce = 4
	t.Log("go -C internal/fencetest test -run", t.Name(), "-seed", seed())
	random := rand.New(rand.NewPCG(seed(), 0))
	source := "file:" + filepath.Join(t.TempDir(), "db") + "?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"
	synctest.Test(t, func(t *testing.T) {
		db := open(t, place{dialect: fence.SQLite, open: func(testing.TB) *sql.DB { return sql.OpenDB(suspending{source}) }})
		defer db.Close() // in the bubble
		exec(t, db.DB, "INSERT INTO positions (stream, position) VALUES ('orders', 0)")
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		var all []*sleeper
		for token, n := uint64(0), 0; n < suspensions; {
			if len(all) == 0 || len(all) < atOnce && random.IntN(30) == 0 {
				token++
				of, _ := term(t, "orders", token)
				s := &sleeper{worker: worker{db: db, stream: "orders", term: of}, claims: claims, wake: make(chan struct{})}
				all = append(all, s)
				group.Go(func() { s.work(context.WithValue(ctx, sleeperKey{}, s), t) })
			} else if i := random.IntN(len(all)); all[i].ended.Load() {
				all = append(all[:i], all[i+1:]...)
			} else if all[i].asleep.Load() {
				n++
				all[i].wake <- struct{}{}
			} else {
				time.Sleep(time.Second) // it pauses in a claim
			}
			synctest.Wait()
		}
		stop()
		for _, s := range all {
			close(s.wake)
		}
		group.Wait()
		synctest.Wait() // database/sql closes a cancelled transaction's connection later, and SQLite is locked meanwhile
		times, position = db.applied(t, "orders")
	})
	return times, position
}

func TestTenThousandSuspensions(t *testing.T) {
	t.Parallel()
	times, position := wander(t, 10_000, claimThenRead)
	require.Greater(t, position, int64(200), "events")
	require.Len(t, times, int(position), "no gap")
	for event, n := range times {
		require.Equal(t, 1, n, "event %d", event)
	}
}

// Without the claim before the read, a tenth of that finds events that were applied twice.
func TestAThousandSuspensionsWithoutAClaimBeforeTheRead(t *testing.T) {
	t.Parallel()
	times, _ := wander(t, 1_000, readThenClaim)
	duplicates := 0
	for _, n := range times {
		duplicates += n - 1
	}
	require.NotZero(t, duplicates)
}

// suspending is SQLite, whose callers are suspended before each statement and each transaction's begin.
type suspending struct{ source string }

func (c suspending) Driver() driver.Driver { return &sqlite.Driver{} }

func (c suspending) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.Driver().Open(c.source)
	if err != nil {
		return nil, err
	}
	plain, ok := conn.(plainConn)
	if !ok {
		return nil, errors.New("the driver has changed")
	}
	return suspendingConn{plain}, nil
}

type plainConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type suspendingConn struct{ plainConn }

func (c suspendingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	suspend(ctx)
	tx, err := c.plainConn.BeginTx(ctx, options)
	return suspendingTx{tx, ctx}, err
}

func (c suspendingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	suspend(ctx)
	return c.plainConn.ExecContext(ctx, query, args)
}

func (c suspendingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	suspend(ctx)
	return c.plainConn.QueryContext(ctx, query, args)
}

type suspendingTx struct {
	driver.Tx
	ctx context.Context
}

func (tx suspendingTx) Commit() error {
	suspend(tx.ctx)
	return tx.Tx.Commit()
}
