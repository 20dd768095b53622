// Package chaos holds elections among real processes, and disturbs them in every way in which a process, its machine, its
// network and its store can fail. Then it reads the evidence of whether the promises held. The processes run package worker;
// the faults and the verdict are in this package's test:
//
//	go test ./internal/chaos                                              # a minute
//	go test ./internal/chaos -run TestChaos -v -timeout 0 -duration 10m -own
//
// A leader has an effect every few milliseconds. Each time it writes, with its token, to a register that refuses tokens
// smaller than the greatest it has seen (package register, an SQLite database). Then it adds an [Effect] to a journal that
// refuses nothing. The register shows S2, and that a token stops what no lease can stop. The journal shows S1, and how often
// two terms acted at once all the same: because a process was stopped between Check and the effect, or because it is a
// careless one, which ignores Check.
package chaos
