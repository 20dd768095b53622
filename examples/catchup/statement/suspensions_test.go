package statement_test

import (
	"cmp"
	"context"
	"database/sql"
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

	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/examples/catchup/statement"
	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

var seedFlag = flag.Uint64("seed", 0, "of the random suspensions; 0 is a new one")

var seed = sync.OnceValue(func() uint64 { return cmp.Or(*seedFlag, rand.Uint64()) })

// A sleeper is a term's projection that is suspended before each statement and each commit, until it is woken.
type sleeper struct {
	token  uint64
	wake   chan struct{} // each value is one step
	asleep atomic.Bool   // it waits for a value
	ended  atomic.Bool
}

type sleeperKey struct{}

func sleeperOf(ctx context.Context) *sleeper {
	s, _ := ctx.Value(sleeperKey{}).(*sleeper)
	return s
}

// suspend suspends the sleeper that ctx carries.
func suspend(ctx context.Context) {
	if s := sleeperOf(ctx); s != nil {
		s.asleep.Store(true)
		<-s.wake
		s.asleep.Store(false)
	}
}

// few is a log that returns few events at once, so that much happens between two batches.
type few struct{ events.Log }

func (l few) Read(ctx context.Context, after int64, _ int) ([]events.Event, error) {
	return l.Log.Read(ctx, after, 3)
}

// A world has a database, and projections that are suspended at random points. Terms do not end by themselves there: nothing but the
// database stops an old one.
type world struct {
	t      *testing.T
	db     *sql.DB
	ctx    context.Context
	random *rand.Rand
	group  sync.WaitGroup
	all    []*sleeper
	tokens uint64
}

// begin begins the next term.
func (w *world) begin() {
	w.tokens++
	s := &sleeper{token: w.tokens, wake: make(chan struct{})}
	w.all = append(w.all, s)
	ctx, _ := leadertest.Context(w.t, s.token)
	ctx, cancel := context.WithCancel(context.WithValue(ctx, sleeperKey{}, s))
	context.AfterFunc(w.ctx, cancel)
	w.group.Go(func() {
		defer s.ended.Store(true)
		for {
			err := statement.Projection{DB: w.db, Log: func() events.Log { return few{events.NewSQLiteLog(w.db)} }}.Run(ctx)
			if ctx.Err() == nil && !fence.Repeatable(err) { // a claim, or a read, that was in the way of another
				assert.ErrorIs(w.t, err, lease.ErrLost)
				return
			}
			if ctx.Err() != nil {
				return
			}
		}
	})
}

// wander suspends projections so many times. Every now and then a new term begins, though the old ones go on.
func (w *world) wander(suspensions int) {
	const atOnce = 4
	for n := 0; n < suspensions; {
		if len(w.all) == 0 || len(w.all) < atOnce && w.random.IntN(30) == 0 {
			w.begin()
		} else if i := w.random.IntN(len(w.all)); w.all[i].ended.Load() {
			w.all = append(w.all[:i], w.all[i+1:]...)
		} else if w.all[i].asleep.Load() {
			n++
			w.all[i].wake <- struct{}{}
		} else {
			time.Sleep(time.Second) // it pauses in a claim
		}
		synctest.Wait()
	}
}

// A result tells what the projections have left.
type result struct {
	times    map[int64]int // how often each event was applied
	ordered  bool          // each line's event came after that of the line before
	position int64
	terms    uint64
}

// run lets projections wander, on SQLite.
func run(t *testing.T, suspensions int, claims bool) (r result) {
	t.Log("go -C examples/catchup test ./statement -run", t.Name(), "-seed", seed())
	source := "file:" + filepath.Join(t.TempDir(), "db") + "?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		w := &world{t: t, ctx: ctx, random: rand.New(rand.NewPCG(seed(), 0)), db: sql.OpenDB(suspending{source: source, claims: claims})}
		defer w.db.Close() // in the bubble
		prepare(t, w.db)
		w.wander(suspensions)
		stop()
		for _, s := range w.all {
			close(s.wake)
		}
		w.group.Wait()
		synctest.Wait() // database/sql closes a cancelled transaction's connection later, and SQLite is locked meanwhile
		r = look(t, w.db)
		r.terms = w.tokens
	})
	return r
}

func makeTables(t *testing.T, db *sql.DB) {
	for _, s := range append([]string{events.SQLiteSchema}, statement.Schema(fence.SQLite)...) {
		_, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// prepare makes the tables, and appends the events.
func prepare(t *testing.T, db *sql.DB) {
	makeTables(t, db)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	for n := range int64(4000) {
		_, err := events.Append(t.Context(), tx, events.Event{Customer: "Ada", Cents: n})
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
}

func look(t *testing.T, db *sql.DB) (r result) {
	r.times, r.ordered = map[int64]int{}, true
	rows, err := db.QueryContext(t.Context(), `SELECT position FROM statement ORDER BY line`)
	require.NoError(t, err)
	defer rows.Close()
	for last := int64(0); rows.Next(); {
		var position int64
		require.NoError(t, rows.Scan(&position))
		r.times[position]++
		r.ordered = r.ordered && position > last
		last = position
	}
	require.NoError(t, rows.Err())
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT position FROM statement_position`).Scan(&r.position))
	return r
}

// Whenever projections are suspended, and for however long, each event is applied exactly once, in order. With the claim taken out,
// and tokens only compared in each transaction, a tenth of the suspensions find events that are applied twice.
func TestTenThousandSuspensions(t *testing.T) {
	t.Parallel()
	fenced := run(t, 10_000, true)
	t.Logf("%d events were applied in %d terms", fenced.position, fenced.terms)
	require.Greater(t, fenced.position, int64(200), "events")
	require.Less(t, fenced.position, int64(4000), "there were always some left")
	require.Len(t, fenced.times, int(fenced.position), "no gap")
	require.True(t, fenced.ordered, "nothing twice, and in order")

	unclaimed, duplicates := run(t, 1_000, false), 0
	for _, n := range unclaimed.times {
		duplicates += n - 1
	}
	t.Logf("without the claim, %d of %d events were applied twice", duplicates, len(unclaimed.times))
	require.NotZero(t, duplicates)
}
