package statement

import "github.com/cloudlease/leader/fence"

// Schema returns the statements that make the projection's tables, and the fence's. A key on the event's position would refuse to
// apply it twice; there is none, so that the evidence shows what the fence does.
func Schema(d fence.Dialect) []string {
	line := `BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY`
	if d == fence.SQLite {
		line = `INTEGER PRIMARY KEY AUTOINCREMENT`
	}
	return []string{
		fence.Schema(d),
		`CREATE TABLE statement (
	line     ` + line + `,
	customer TEXT NOT NULL,
	position BIGINT NOT NULL,
	cents    BIGINT NOT NULL,
	balance  BIGINT NOT NULL,
	token    BIGINT NOT NULL
)`,
		`CREATE INDEX statement_of ON statement (customer, line)`,
		`CREATE TABLE statement_position (position BIGINT NOT NULL)`,
		`INSERT INTO statement_position (position) VALUES (0)`,
	}
}
