// Package simulate runs the real code of leader and lease in simulated worlds. A world has a few machines with wrong clocks,
// processes that crash, sleep and misbehave, one store, and a network that loses, delays and repeats requests.
//
// One seed makes one world. Time is virtual, and stands still while anything runs: the world takes the earliest event from
// its queue, sets the time to it, lets it happen, and waits until every goroutine waits for something. So only one thing
// happens at a time, and the same seed gives the same history, byte for byte.
//
// An observer sees all machines at once and knows the true time. It checks the promises of the design (S1, S2, S3, L1, C1),
// and does not wait until two nodes lead at once. Each of these is a fault by itself: a term that holds for longer than its
// lease by a clock that counts everything; a term that ends early; a look that reports a lease as expired while it is held; a
// node that gets back a lease which it could not keep, while other nodes are well.
//
// A world that breaks a promise is shrunk to the shortest history that still breaks one. Only then is the history written
// down: a world is the same in every run.
package simulate
