// Package script has a program in another language, Python, that runs while its node leads. Its writes are refused
// once another node leads:
//
//	leader run --store file:/tmp/worker/lease --name worker -- python3 examples/script/worker.py /tmp/worker/effects.db
//
// Start it on several nodes (in several terminals, with a directory as the store; on several machines, with a table or
// bucket). One of them works. End that one, with ^C or with kill -9, and another goes on.
//
// # The token
//
// leader run ends its program before another node can have the lease, also if leader itself is killed. But a whole machine
// can be suspended between two instructions of the program, and wake after another node has led for a long time. No lease
// can then keep the program from its next write. The database can: each term has a fencing token,
// LEADER_TOKEN, greater than that of every earlier term.
//
// The program claims first, and then reads: it writes its token beside the state, and only then reads the state from which it
// continues. From the claim on, the database accepts nothing from an older term. A program that reads first, or that
// only compares the token on writing, lets a late write in between, and then repeats its effect.
//
// worker.py does this with a database, where it is simplest: the token and the position are in one row, and each
// transaction that has an effect moves the position, on the condition that the token is still the same. Elsewhere:
//
//   - PostgreSQL, MySQL: the same statements; in Go, as in examples/service.
//   - DynamoDB: an item with the token and the position. The claim is an UpdateItem on the condition #token <= :mine; each
//     write an UpdateItem, or a TransactWriteItems, on the condition #token = :mine.
//   - S3, GCS, Azure: an object with both. The claim reads it, and writes it back with the new token and If-Match on its
//     ETag or generation; each write has If-Match on the version that the write before returned.
//   - An HTTP service that you write: a header with every request, reading ones included, and a service that keeps the
//     largest token and refuses smaller ones.
//
// The test suspends a worker past its lease, its guard and leader included, and wakes the worker alone.
package script
