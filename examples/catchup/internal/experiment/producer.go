package experiment

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cloudlease/leader/examples/catchup/events"
)

// A tally counts the work of a producer.
type tally struct {
	Appended   int // events
	Late       int // transactions that committed after one with higher positions had
	RolledBack int // transactions
}

// Produce appends events until its standard input ends, and then prints its tally. In PostgreSQL, its transactions are open side by side,
// some of them for longer, and some are rolled back.
func Produce(address string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		defer stop()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	d := databaseAt(address)
	db, err := d.open()
	if err != nil {
		return err
	}
	defer db.Close()
	p := producer{db: db}
	writers := 4
	if !d.postgres() {
		writers = 1 // there is one at a time
	}
	errs := make([]error, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			defer stop()
			errs[w] = p.write(ctx, w == 0 && d.postgres())
		})
	}
	group.Wait()
	return errors.Join(errors.Join(errs...), json.NewEncoder(os.Stdout).Encode(p.tally))
}

type producer struct {
	db *sql.DB

	mu      sync.Mutex
	tally   tally
	highest int64 // position that was committed
}

// write makes transactions until ctx ends; a slow writer holds some of them open.
func (p *producer) write(ctx context.Context, slow bool) error {
	for {
		open := rand.N(5 * time.Millisecond)
		if slow && rand.IntN(20) == 0 {
			open = 300*time.Millisecond + rand.N(700*time.Millisecond)
		}
		if err := p.transaction(open); err != nil {
			return err
		}
		select {
		case <-time.After(rand.N(80 * time.Millisecond)):
		case <-ctx.Done():
			return nil
		}
	}
}

// customers are in all partitions.
var customers = strings.Fields("Ada Ben Cem Dag Eva Flo Gil Hal Ina Jan Kim Leo Mia Ned Ole Pia")

// transaction appends some events, stays open for a while, and commits.
func (p *producer) transaction(open time.Duration) error {
	tx, err := p.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	count, position := 1+rand.IntN(3), int64(0)
	for range count {
		e := events.Event{Customer: customers[rand.IntN(len(customers))], Cents: rand.Int64N(20_000) - 8_000}
		if position, err = events.Append(context.Background(), tx, e); err != nil {
			return err
		}
	}
	time.Sleep(open)
	if rand.IntN(20) == 0 {
		p.count(func() { p.tally.RolledBack++ })
		return tx.Rollback()
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	p.count(func() {
		p.tally.Appended += count
		if position < p.highest {
			p.tally.Late++
		}
		p.highest = max(p.highest, position)
	})
	return nil
}

func (p *producer) count(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}
