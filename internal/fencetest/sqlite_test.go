package fencetest

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fence"
)

// A busy database is not the end of a claim: it repeats itself, for some seconds, and then says what to do.
func TestABusySQLite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	synctest.Test(t, func(t *testing.T) {
		db := open(t, place{dialect: fence.SQLite, open: func(t testing.TB) *sql.DB { return opened(t, "sqlite", path) }})
		defer db.Close() // in the bubble
		old, _ := term(t, "orders", 1)
		later, _ := term(t, "orders", 2)
		require.NoError(t, fence.Claim(t.Context(), db.DB, old))
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, fence.Check(t.Context(), tx, old))

		began := time.Now()
		err = fence.Claim(t.Context(), db.DB, later)
		require.True(t, fence.Repeatable(err), err)
		require.ErrorContains(t, err, `fence: claim "orders" with token 2: a concurrent transaction is in the way: roll back, and repeat the transaction: `)
		require.Greater(t, time.Since(began), 2*time.Second)
		require.Less(t, time.Since(began), 10*time.Second)

		claimed := make(chan error, 1)
		go func() { claimed <- fence.Claim(t.Context(), db.DB, later) }()
		synctest.Wait() // it pauses before its second try
		require.NoError(t, tx.Commit())
		require.NoError(t, <-claimed)

		tx, err = db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer tx.Rollback()
		require.NoError(t, fence.Check(t.Context(), tx, later))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { claimed <- fence.Claim(ctx, db.DB, later) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-claimed, context.Canceled)
	})
}
