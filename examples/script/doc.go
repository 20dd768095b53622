// Package script is a program in another language, Python, that runs while its node leads, and whose writes are refused
// once another node leads:
//
//	leader run --store file:/tmp/worker/lease --name worker -- python3 examples/script/worker.py /tmp/worker/effects.db
//
// Start it on several nodes (in several terminals, with a directory as the store; on several machines, with a table or
// bucket). One of them works. End that one, with ^C or with kill -9, and another goes on.
//
// # The token
//
// leader run ends its program before the lease can be anybody else's, whatever becomes of leader itself. But a whole machine
// can be suspended between two instructions of the program, and wake when another node has led for long. No lease can
// prevent that the program then does what it was about to do. What it writes to can: each term has a fencing token,
// LEADER_TOKEN, greater than that of every earlier term. The program sends it with each write, and the other end refuses a
// token that is smaller than the largest that it has seen.
//
// worker.py does it with a database, which is where it is simplest: the largest token is in a table of one row, and each
// transaction that has an effect raises it first. If that changes no row, the token is stale, and nothing is written. In
// other places:
//
//   - PostgreSQL, MySQL: the same statements.
//   - DynamoDB: a condition, token <= :mine, in the write itself, or in a TransactWriteItems for several.
//   - S3, GCS, Azure: If-Match on the object's ETag or generation, whose content or metadata has the token.
//   - An HTTP service of your own: a header, and a service that keeps the largest one.
//
// The test suspends a worker past its lease, its guard and leader included, and wakes the worker alone.
package script
