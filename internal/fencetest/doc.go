// Package fencetest holds the tests of package fence on real servers: PostgreSQL and MariaDB, which the localstack command
// starts, and SQLite. It is a separate module, so that their drivers are no user's.
package fencetest
