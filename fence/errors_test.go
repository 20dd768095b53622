package fence_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader/fence"
	"github.com/cloudlease/leader/lease"
)

// stated is an error as the drivers for PostgreSQL have it.
type stated string

func (s stated) Error() string    { return "pq: " + string(s) }
func (s stated) SQLState() string { return string(s) }

// Errors as drivers tell them: pgx and pq, go-sql-driver, modernc and mattn.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		stated("40001"):                          true,
		stated("40P01"):                          true,
		stated("55P03"):                          true,
		stated("40003"):                          false, // it may have been done
		stated("23505"):                          false,
		stated("08006"):                          false,
		fmt.Errorf("apply: %w", stated("40001")): true,
		errors.New("Error 1213 (40001): Deadlock found when trying to get lock; try restarting"): true,
		errors.New("Error 1205 (HY000): Lock wait timeout exceeded; try restarting transaction"): true,
		errors.New("Error 1020: Record has changed since last read in table 'leader_fence'"):     true,
		errors.New("Error 1062 (23000): Duplicate entry '1213' for key 'PRIMARY'"):               false,
		errors.New("Error 12130 (HY000): something else"):                                        false,
		errors.New("database is locked (5) (SQLITE_BUSY)"):                                       true,
		errors.New("database is locked (517)"):                                                   true,
		errors.New("database table is locked: leader_fence (6)"):                                 true,
		errors.New("constraint failed: UNIQUE constraint failed: orders.position (1555)"):        false,
		fmt.Errorf("fence: %w", lease.ErrLost):                                                   false,
		errors.Join(errors.New("rollback"), errors.New("database is locked")):                    true,
		nil: false,
	} {
		assert.Equal(t, want, fence.Repeatable(err), "%v", err)
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"": true}
	for d, name := range map[fence.Dialect]string{fence.PostgreSQL: "PostgreSQL", fence.MySQL: "MySQL", fence.SQLite: "SQLite"} {
		assert.Equal(t, name, d.String())
		assert.False(t, seen[fence.Schema(d)])
		seen[fence.Schema(d)] = true
	}
	assert.Empty(t, fence.Schema(0))
	assert.Equal(t, "Dialect(9)", fence.Dialect(9).String())
}
