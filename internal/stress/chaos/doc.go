// Package chaos holds elections among real processes, lets others divide the parts of fleets, and disturbs them in every way in
// which a process, its machine, its network and its store can fail. Then it reads the evidence of whether the promises held. The
// processes run package worker; the faults and the verdict are in this package's test:
//
//	go -C internal/stress test ./chaos                                             # a minute
//	go -C internal/stress test ./chaos -run TestChaos -v -timeout 0 -duration 10m -fleets 10m -own
//
// A leader claims a register with its token, reads there how many events were applied, and applies another every few
// milliseconds (package register, an SQLite database). The register refuses all terms but the one that has claimed it. Then
// the leader adds an [Effect] to a journal that refuses nothing. The register shows S2, and that each event is applied once: a
// token stops what no lease can stop. The journal shows S1, and how often
// two terms acted at once all the same: because a process was stopped between Check and the effect, or because it is a
// careless one, which ignores Check.
//
// In a fleet each part has a register and a journal, so they show FS1 and FS2, part by part.
package chaos
