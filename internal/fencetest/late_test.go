package fencetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/lease"
)

// A step is a part of what a worker does, after which it may be suspended.
type step struct {
	name string
	do   func(*worker, context.Context) error
}

var (
	begin   = step{"begin", (*worker).begin}
	glance  = step{"look", (*worker).glance}
	check   = step{"check", (*worker).check}
	write   = step{"write", (*worker).write}
	commit  = step{"commit", (*worker).commit}
	claim   = step{"claim", func(w *worker, ctx context.Context) error { return fence.Claim(ctx, w.db.DB, w.term) }}
	read    = step{"read", (*worker).read}
	applies = step{"apply", (*worker).apply}
)

// transactions are the orders in which an old term's transaction may do its steps. The first is the recommended one.
var transactions = [][]step{
	{begin, check, write, commit},
	{begin, glance, check, write, commit}, // its snapshot may be older than the claim
	{begin, write, check, commit},
}

// A party is a worker that does one step after the other.
type party struct {
	*worker
	steps   []step
	next    int
	ended   error      // why it gave up
	pending chan error // has the result of the step that it is at, when that is done
	repeats int
}

func (p *party) over() bool { return p.ended != nil || p.next == len(p.steps) && p.pending == nil }

// start starts the next step.
func (p *party) start(ctx context.Context) {
	s, done := p.steps[p.next], make(chan error, 1)
	p.next++
	p.pending = done
	go func() { done <- s.do(p.worker, ctx) }()
}

// settle takes the result of the step that is done.
func (p *party) settle(err error) {
	p.pending = nil
	switch {
	case err == nil:
		return
	case fence.Repeatable(err): // so it does what the error says
		p.repeats++
		p.next = 0
	default:
		p.ended = err
	}
	p.rollback()
}

// A schedule is the order in which two parties take their steps: an old term and a new one.
type schedule struct {
	db       database
	old, new *party
}

// advance has a party take its next step, unless it is over. It returns when the step is done, or seems to wait for the other's
// transaction. If it does not wait, but is slow, the two go on at once: that is another order, in which the same has to hold.
func (s *schedule) advance(ctx context.Context, p, other *party) {
	if p.over() {
		return
	}
	if p.pending == nil {
		p.start(ctx)
	}
	var waits <-chan time.Time
	if other.pending == nil && other.tx != nil {
		waits = time.After(5 * time.Millisecond)
	}
	select {
	case err := <-p.pending:
		p.settle(err)
	case <-waits:
	}
}

// run takes the steps in the order of the letters, and then the rest of both.
func (s *schedule) run(ctx context.Context, order string) {
	for _, letter := range order {
		if letter == 'o' {
			s.advance(ctx, s.old, s.new)
		} else {
			s.advance(ctx, s.new, s.old)
		}
	}
	for !s.old.over() || !s.new.over() {
		s.advance(ctx, s.old, s.new)
		s.advance(ctx, s.new, s.old)
	}
}

// orders returns all orders of so many steps of the old and the new term.
func orders(old, new int) (all []string) {
	if old == 0 || new == 0 {
		return []string{strings.Repeat("o", old) + strings.Repeat("n", new)}
	}
	for _, rest := range orders(old-1, new) {
		all = append(all, "o"+rest)
	}
	for _, rest := range orders(old, new-1) {
		all = append(all, "n"+rest)
	}
	return all
}

// A tally counts how schedules ended.
type tally struct {
	committed, refused  int
	repeated            int
	repeatedCheckFirst  int // of those transactions that begin with Check
	duplicates, missing int
}

// play has a new term take over from an old one, whose transaction is suspended at every point, and returns what came of it.
func play(t *testing.T, db database, transactions [][]step, newSteps []step) (sum tally) {
	for n, steps := range transactions {
		for _, order := range orders(len(steps), len(newSteps)) {
			stream := fmt.Sprintf("%d %s", n, order)
			exec(t, db.DB, db.bound("INSERT INTO positions (stream, position) VALUES (?, ?)"), stream, 0)
			oldTerm, _ := term(t, stream, 1)
			newTerm, _ := term(t, stream, 2)
			require.NoError(t, fence.Claim(t.Context(), db.DB, oldTerm))
			s := schedule{db, &party{worker: &worker{db: db, stream: stream, term: oldTerm}, steps: steps},
				&party{worker: &worker{db: db, stream: stream, term: newTerm}, steps: newSteps}}
			s.run(t.Context(), order)

			require.NoError(t, s.new.ended, "%s: the new term is refused nothing", stream)
			if s.old.ended != nil {
				require.ErrorIs(t, s.old.ended, lease.ErrLost, stream)
				require.ErrorContains(t, s.old.ended, "claimed by a later term", stream)
				sum.refused++
			} else {
				sum.committed++
			}
			sum.repeated += s.old.repeats
			if n == 0 {
				sum.repeatedCheckFirst += s.old.repeats
			}
			times, position := db.applied(t, stream)
			for event := int64(1); event <= position; event++ {
				sum.missing += 1 - min(times[event], 1)
				sum.duplicates += max(times[event], 1) - 1
			}
			require.LessOrEqual(t, len(times), int(position), stream)
		}
	}
	return sum
}

// Wherever a transaction of the old term is suspended, and however late it commits, each event is applied exactly once.
func TestALateTransaction(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			sum := play(t, open(t, p), transactions, []step{claim, read, applies})
			t.Logf("%+v", sum)
			assert.Zero(t, sum.duplicates)
			assert.Zero(t, sum.missing)
			assert.NotZero(t, sum.committed, "some commit before the new term begins")
			assert.NotZero(t, sum.refused, "and some after")
			assert.Equal(t, p.repeats, sum.repeated > 0, "transactions that are repeated")
			if p.dialect == fence.SQLite {
				assert.Zero(t, sum.repeatedCheckFirst, "what begins with Check has the write lock, or waits for it")
			}
		})
	}
}

// A new term that reads its position first, and claims when it writes, applies events twice. So the test above would find it.
func TestALateTransactionWithoutAClaimBeforeTheRead(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			sum := play(t, open(t, p), transactions[:1], []step{read, claim, applies})
			t.Logf("%+v", sum)
			assert.NotZero(t, sum.duplicates)
		})
	}
}

// In READ UNCOMMITTED, a new term may go on from a position that an old one has written, and will not commit.
func TestReadUncommittedWillNotDo(t *testing.T) {
	t.Parallel()
	sum := play(t, open(t, place{dialect: fence.MySQL, open: openMariaDB(""), options: level(sql.LevelReadUncommitted)}), transactions, []step{claim, read, applies})
	assert.NotZero(t, sum.missing, "package fence's comment says so")
}
