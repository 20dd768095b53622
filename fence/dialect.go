package fence

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
)

// A Dialect is the SQL of a kind of database.
type Dialect int

const (
	PostgreSQL Dialect = iota + 1
	MySQL              // and MariaDB
	SQLite
)

func (d Dialect) String() string {
	return cmp.Or(statements[d].name, fmt.Sprintf("Dialect(%d)", int(d)))
}

// Schema returns the statement that makes the table of the tokens, unless it is there: run it as you make your other tables.
// It returns "" for a dialect that is none of the constants.
func Schema(d Dialect) string { return statements[d].schema }

// A dialect's statements.
type sqlText struct {
	name   string // as which says it
	schema string
	claim  string // (name, token, token) makes the token the row's, unless that has a greater one
	lock   string // (name, token) locks, if read does not
	read   string // (name) reads the token, and locks it, if it can, until the transaction ends: others may read it, too
}

// Lease names are compared byte by byte, as lease managers do.
var statements = map[Dialect]sqlText{
	PostgreSQL: {
		name: "PostgreSQL",
		schema: `CREATE TABLE IF NOT EXISTS leader_fence (
	name  TEXT COLLATE "C" PRIMARY KEY,
	token BIGINT NOT NULL
)`,
		claim: `INSERT INTO leader_fence (name, token) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET token = EXCLUDED.token WHERE leader_fence.token < $3`,
		read: `SELECT token FROM leader_fence WHERE name = $1 FOR SHARE`, // FOR KEY SHARE would let an UPDATE of the token pass
	},
	MySQL: {
		name: "MySQL",
		schema: `CREATE TABLE IF NOT EXISTS leader_fence (
	name  VARBINARY(255) NOT NULL PRIMARY KEY,
	token BIGINT NOT NULL
) ENGINE = InnoDB`,
		claim: `INSERT INTO leader_fence (name, token) VALUES (?, ?) ON DUPLICATE KEY UPDATE token = GREATEST(token, ?)`,
		read:  `SELECT token FROM leader_fence WHERE name = ? LOCK IN SHARE MODE`,
	},
	SQLite: {
		name: "SQLite",
		schema: `CREATE TABLE IF NOT EXISTS leader_fence (
	name  TEXT NOT NULL PRIMARY KEY,
	token INTEGER NOT NULL
)`,
		claim: `INSERT INTO leader_fence (name, token) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET token = excluded.token WHERE leader_fence.token < ?`,
		lock: `UPDATE leader_fence SET token = token WHERE name = ? AND token = ?`,
		read: `SELECT token FROM leader_fence WHERE name = ?`,
	},
}

// which says what database it runs in. To all but MySQL and MariaDB, what begins with /*! is a comment. SQLite does not
// compare a number with a text that spells it as equal; PostgreSQL takes '7' for a number beside one.
//
//   - https://dev.mysql.com/doc/refman/8.4/en/comments.html
//   - https://www.sqlite.org/datatype3.html#comparison_expressions
//   - https://www.postgresql.org/docs/17/typeconv-oper.html
const which = `SELECT CASE /*! WHEN 1 = 1 THEN 'MySQL' */ WHEN 7 = '7' THEN 'PostgreSQL' ELSE 'SQLite' END`

func dialectOf(ctx context.Context, tx *sql.Tx) (Dialect, error) {
	var name string
	if err := tx.QueryRowContext(ctx, which).Scan(&name); err != nil {
		return 0, err
	}
	for d, s := range statements {
		if s.name == name {
			return d, nil
		}
	}
	return 0, fmt.Errorf("fence: this database says that it is %q: it is to be PostgreSQL, MySQL, MariaDB or SQLite", name)
}
