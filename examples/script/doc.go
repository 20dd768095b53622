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
// keep the program from doing then what it was about to do. What it writes to can: each term has a fencing token,
// LEADER_TOKEN, greater than that of every earlier term.
//
// The program claims first, and then reads: it writes its token beside the state, and only after that reads the state that it
// goes on from. From the claim on, the other end accepts nothing from an older term. A program that reads first, or that
// only sends the token with its writes, lets a late write in between, and then does again what that has done.
//
// worker.py does it with a database, which is where it is simplest: the token and the position are in one row, and each
// transaction that has an effect moves the position, on the condition that the token is still its own. In other places:
//
//   - PostgreSQL, MySQL: the same statements; in Go, as in examples/service.
//   - DynamoDB: an item with the token and the position. The claim is an UpdateItem on the condition #token < :mine; each
//     write a PutItem, or a TransactWriteItems, on the condition #token = :mine.
//   - S3, GCS, Azure: an object with both. The claim reads it, and writes it again with the new token and If-Match on its
//     ETag or generation; each write has If-Match on what the one before answered.
//   - An HTTP service of your own: a header with every request, reading ones included, and a service that keeps the
//     largest token and refuses smaller ones.
//
// The test suspends a worker past its lease, its guard and leader included, and wakes the worker alone.
package script
