// Package chaos is an election among real processes to which everything is done that a process, its machine, its network
// and its store can suffer, and the evidence of whether the promises held. The processes are package worker's; the
// faults, and the verdict, are this package's test:
//
//	go test ./internal/chaos                                              # a minute
//	go test ./internal/chaos -run TestChaos -v -timeout 0 -duration 10m -own
//
// A leader does something every few milliseconds. Each time it writes, with its token, to a register that refuses tokens
// older than one it has seen (package register, an SQLite database), and then adds an [Effect] to a journal that refuses
// nothing. The register shows S2, and that a token stops what no lease can stop. The journal shows S1, and how often two
// terms acted at once all the same: because a process was stopped between Check and the effect, or because it is one of
// the careless ones, which do not care what Check says.
package chaos
