//go:build unix

package main

import (
	"bufio"
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/cloudlease/leader/internal/suspend"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// A leader that is suspended between Check and its write, for longer than its lease, writes when it is woken: after the
// next leader has taken the state over, and before that one has written anything. The number is given once.
func TestASuspendedLeaderCommitsLate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := start(t, dir, lateVariable+"=1")
	a.take(t, 1)
	b := start(t, dir)
	late := make(chan string, 1)
	go func() { late <- post(a.url + "/numbers") }() // for the number 2
	a.After(sending)
	require.NoError(t, suspend.Between(a.Pid, dir+"/lease"))

	require.Equal(t, "2", b.After("leads: the next number is "))
	require.NoError(t, a.Signal(syscall.SIGCONT))
	a.Tell("go on")
	answer := <-late
	b.take(t, 2)
	b.take(t, 3)
	require.Equal(t, []given{{1, 1}, {2, 2}, {3, 2}}, ledger(t, dir+"/db"))
	require.Contains(t, answer, "503 Service Unavailable: this node does not lead any more: ask another")
	require.Equal(t, "0", a.After(sent), "the database has refused it")
}

// post returns the answer, however long it takes: a suspended process is asked.
func post(url string) string {
	response, err := client.Post(url, "", nil)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return fmt.Sprintf("%s: %s%v", response.Status, body, err)
}

// Wherever between the statements of a new term's claim the older term's write lands, each number is given once.
func TestALateWriteAnywhereInAClaim(t *testing.T) {
	t.Parallel()
	for at := 0; ; at++ {
		path := t.TempDir() + "/db"
		older, err := open(t.Context(), path)
		require.NoError(t, err)
		defer older.Close()
		oldCtx, _ := leadertest.Context(t, 1)
		olderTerm, _ := lease.TermFrom(oldCtx)
		old := &numbers{db: older}
		last, err := takeOver(t.Context(), older, olderTerm)
		require.NoError(t, err)
		old.set(olderTerm, last)

		statements, claimed, wrote := 0, false, make(chan error, 1)
		write := func() {
			_, err := old.next(t.Context())
			wrote <- err
		}
		newer := sql.OpenDB(hooked{name: "file:" + path, before: func(query string) {
			if claimed {
				return
			}
			if statements++; statements == at+1 {
				if strings.HasPrefix(query, "SELECT token") {
					go write() // it waits for the claim's transaction
				} else {
					write()
				}
			}
		}})
		defer newer.Close()
		newCtx, _ := leadertest.Context(t, 2)
		newerTerm, _ := lease.TermFrom(newCtx)
		last, err = takeOver(t.Context(), newer, newerTerm)
		require.NoError(t, err)
		claimed = true
		if at == statements { // it comes after the claim
			require.Greater(t, at, 3, "the claim has statements, and then the last number is read")
			write()
		}
		refused := <-wrote
		next := &numbers{db: newer}
		next.set(newerTerm, last)
		_, err = next.next(t.Context())
		require.NoError(t, err)

		want := []given{{1, 2}}
		if at < 2 { // the database has not heard of the newer term yet
			require.NoError(t, refused)
			want = []given{{1, 1}, {2, 2}}
		} else {
			require.ErrorIs(t, refused, lease.ErrLost)
		}
		require.Equal(t, want, ledger(t, path), "the write lands before statement %d of the claim", at+1)
		if at == statements {
			return
		}
	}
}

// A later term's claim, a claim that is gone and a backup of an older one: each refuses a number.
func TestRefusals(t *testing.T) {
	t.Parallel()
	ctx, lose := leadertest.Context(t, 5)
	term, _ := lease.TermFrom(ctx)
	db, err := open(t.Context(), t.TempDir()+"/db")
	require.NoError(t, err)
	defer db.Close()
	_, err = takeOver(t.Context(), db, term)
	require.NoError(t, err)
	last, err := takeOver(t.Context(), db, term)
	require.NoError(t, err, "again, by the same term")
	n := &numbers{db: db, term: term, last: last}
	_, err = n.next(t.Context())
	require.NoError(t, err)

	for _, c := range []struct{ statement, why string }{
		{"UPDATE leader_fence SET token = 6", "claimed by a later term"},
		{"UPDATE leader_fence SET token = 4", "a backup was restored"},
		{"DELETE FROM leader_fence", "is not claimed"},
	} {
		_, err := db.ExecContext(t.Context(), c.statement)
		require.NoError(t, err)
		_, err = n.next(t.Context())
		require.ErrorIs(t, err, lease.ErrLost)
		require.ErrorContains(t, err, c.why)
	}
	lose(nil)
	_, err = n.next(t.Context())
	require.ErrorContains(t, err, "lost", "Check goes first")
}

const (
	lateVariable = "SERVICE_TEST_LATE"
	sending      = "sending the number 2"
	sent         = "sent the number 2; rows changed: "
)

// sendLate registers SQLite as the driver of a process that is held up while it sends the number 2: after Check, and before
// the database hears of it. It goes on at a line on its standard input.
func sendLate() (name string) {
	var numbers atomic.Int32
	moves := func(query string) bool { return strings.HasPrefix(query, "UPDATE leader_fence") }
	sql.Register("late", hooked{before: func(query string) {
		if moves(query) && numbers.Add(1) == 2 {
			fmt.Println(sending)
			_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		}
	}, after: func(query string, rows int64) {
		if moves(query) && numbers.Load() == 2 {
			fmt.Println(sent + strconv.FormatInt(rows, 10))
		}
	}})
	return "late"
}

// hooked is SQLite, a function that is called before each statement, and one that is told how many rows it has changed. What
// is sent is not called back when its context ends.
type hooked struct {
	name   string
	before func(query string)
	after  func(query string, rows int64) // nil: nobody is told
}

func (h hooked) Driver() sqldriver.Driver                        { return h }
func (h hooked) Connect(context.Context) (sqldriver.Conn, error) { return h.Open(h.name) }
func (h hooked) Open(name string) (sqldriver.Conn, error) {
	conn, err := (&sqlite.Driver{}).Open(name)
	if err != nil {
		return nil, err
	}
	return &hookedConn{conn.(plain), h}, nil
}

type plain interface {
	sqldriver.Conn
	sqldriver.ConnBeginTx
	sqldriver.ExecerContext
	sqldriver.QueryerContext
}

type hookedConn struct {
	plain
	hooks hooked
}

func (c *hookedConn) ExecContext(ctx context.Context, query string, args []sqldriver.NamedValue) (sqldriver.Result, error) {
	c.hooks.before(query)
	result, err := c.plain.ExecContext(context.WithoutCancel(ctx), query, args)
	if err == nil && c.hooks.after != nil {
		rows, _ := result.RowsAffected()
		c.hooks.after(query, rows)
	}
	return result, err
}

func (c *hookedConn) QueryContext(ctx context.Context, query string, args []sqldriver.NamedValue) (sqldriver.Rows, error) {
	c.hooks.before(query)
	return c.plain.QueryContext(ctx, query, args)
}
