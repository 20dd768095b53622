// Package simulate runs the real code of leader and lease in worlds that do not exist: a few machines with clocks that
// are wrong, a network that loses, delays and repeats, processes that crash, sleep and misbehave, and one store.
//
// One seed makes one world. Time is virtual and stands still while anything runs: the world takes the earliest event from
// its queue, sets the time to it, lets it happen, and waits until every goroutine waits for something. So only one thing
// happens at a time, and the same seed gives the same history, byte for byte.
//
// The promises of the design (S1, S2, S3, L1, C1) are checked by an observer who sees all machines at once and knows the
// true time. A world that breaks one is shrunk to the shortest history that still does.
package simulate
