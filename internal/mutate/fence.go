package main

// onDatabases is a separate module: its tests need the servers that make mutate starts.
var onDatabases = []string{"./internal/fencetest"}

// fences takes out what refuses a term that is over, in a SQL database.
var fences = []mutation{
	{
		name: "fence: a check in PostgreSQL takes no lock", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/dialect.go", old: "WHERE name = $1 FOR SHARE`", new: "WHERE name = $1`"},
	},
	{
		name: "fence: a check in PostgreSQL takes a lock that lets a claim pass", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/dialect.go", old: "WHERE name = $1 FOR SHARE`", new: "WHERE name = $1 FOR KEY SHARE`"},
	},
	{
		name: "fence: a check in MariaDB takes no lock", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/dialect.go", old: " LOCK IN SHARE MODE`", new: "`"},
	},
	{
		name: "fence: a check in SQLite takes no lock", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/fence.go", old: "	if lock := statements[d].lock; lock != \"\" {", new: "	if lock := statements[d].lock; lock == \"-\" {"},
	},
	{
		name: "fence: a claim in PostgreSQL lowers the token", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/dialect.go", old: " WHERE leader_fence.token < $3`", new: " WHERE $3::BIGINT = $3`"},
	},
	{
		name: "fence: a claim in MariaDB lowers the token", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/dialect.go", old: "token = GREATEST(token, ?)`", new: "token = ?`"},
	},
	{
		name: "fence: a claim in SQLite lowers the token", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/dialect.go", old: " WHERE leader_fence.token < ?`", new: " WHERE ? > 0`"},
	},
	{
		name: "fence: a claim does not read the token back", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/fence.go", old: "	return stored, tx.Commit()\n", new: "	return term.Token(), tx.Commit()\n"},
	},
	{
		name: "fence: a claim is not committed", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/fence.go", old: "	return stored, tx.Commit()\n", new: "	return stored, nil\n"},
	},
	{
		name: "fence: a term passes that has not claimed", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/fence.go", old: "	case stored == token:\n", new: "	case stored == token || stored == 0:\n"},
	},
	{
		name: "fence: a term passes whose claim a backup has undone", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/fence.go", old: "	case stored == token:\n", new: "	case stored == token || 0 < stored && stored < token:\n"},
	},
	{
		name: "fence: a term passes after a later one has claimed", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/fence.go", old: "	case stored == token:\n", new: "	case stored == token || stored > token:\n"},
	},
	{
		name: "fence: a term passes that ended while its check waited", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/fence.go", old: "	if lost := term.Check(); lost != nil { // the lock", new: "	if lost := term.Check(); lost == nil && ctx == nil { // the lock"},
	},
	{
		name: "fence: a term passes that is over", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/fence.go", old: "	return term.Check()\n}\n\n// compare", new: "	return nil\n}\n\n// compare"},
		also: []edit{
			{file: "fence/fence.go", old: "	if lost := term.Check(); lost != nil { // the lock", new: "	if lost := term.Check(); lost == nil && ctx == nil { // the lock"},
			{file: "fence/fence.go", old: "cmp.Or(compare(term, stored), term.Check())", new: "cmp.Or(compare(term, stored))"},
		},
	},
	{
		name: "fence: a token passes that no column holds", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/fence.go", old: "token > math.MaxInt64 {", new: "token > math.MaxInt64 && token < 0 {"},
	},
	{
		name: "fence: names in MariaDB are compared as people do", deaf: true, tests: onDatabases,
		edit: edit{file: "fence/dialect.go", old: "name  VARBINARY(255)", new: "name  VARCHAR(255)"},
	},
	{
		name: "fence: a serialization failure is not repeated", deaf: true, tests: []string{"./fence"},
		edit: edit{file: "fence/errors.go", old: "[]string{\"40001\", \"40P01\"", new: "[]string{\"40P01\""},
	},
}
