// Command candidate is one process that campaigns as a peer, for measurements that kill it. It writes each moment to its
// standard output, after nanoseconds of CLOCK_MONOTONIC. On SIGTERM it releases its lease and ends. It ends at once when its
// standard input ends, as then its parent is gone.
//
//	candidate -peer leader-dynamodb -endpoint http://127.0.0.1:4566 -lease x -node a -length 15s < /dev/zero
//
// With -once it makes a single try. It exits with 3 if that is refused.
package main

import (
	"os"

	"github.com/cloudlease/leader/bench/internal/failover/candidate"
)

func main() { candidate.Main(os.Args[1:]) }
