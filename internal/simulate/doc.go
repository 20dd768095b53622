// Package simulate runs the real code of leader and lease in worlds that do not exist: a few machines with clocks that
// are wrong, a network that loses, delays and repeats, processes that crash, sleep and misbehave, and one store.
//
// One seed makes one world. Time is virtual and stands still while anything runs: the world takes the earliest event from
// its queue, sets the time to it, lets it happen, and waits until every goroutine waits for something. So only one thing
// happens at a time, and the same seed gives the same history, byte for byte.
//
// The promises of the design (S1, S2, S3, L1, C1) are checked by an observer who sees all machines at once and knows the
// true time. He does not wait until two lead at once: a term that holds for longer than its lease by a clock that counts
// everything is wrong, and so is one that ends before its time, a look that says that a lease has expired while it is held,
// and a node that has the lease again which it could not keep, while others are well.
//
// A world that breaks a promise is shrunk to the shortest history that still does. The history is told then, and not before: a
// world is the same whenever it is run.
package simulate
