package main

// fleetRunHelp has the help of leader fleet run.
const fleetRunHelp = `Run a program for each part that this node has, and for no part that another node has.

Start it on each machine, with the same --name and the same parts: --shards for numbered ones, or --part for each. The nodes divide
the parts among them. When a node comes or goes, parts move: as few as possible, and none before its program has ended.

Each program gets leader's environment, and these variables:

  LEADER_PART    the part
  LEADER_TOKEN   the part's fencing token: greater than that of every earlier term of this part. Claim, then read: write it to
                 where the effects go, and only then read there the state from which to continue. Let each later write
                 depend on it.
  LEADER_FLEET   the fleet, as --name
  LEADER_HOLDER  this node, as --node
  LEADER_LEASE   the name of the part's term, for packages that fence by name: FLEET/parts/PART

A program that exits with 0 is done: it runs again when the part gets a new term. After any other exit it is started again in
the same term, after a pause that grows up to the lease length.

To stop a program, leader sends SIGTERM to its process group, and SIGKILL if it has not ended in time, when
  - its part moves to another node: the program has --drain-timeout. The part waits for its end.
  - leader gets SIGTERM or SIGINT: this drains the node. The programs run on until other nodes are to have their parts, or
    --leave-timeout has passed; then each has --drain-timeout. Give leader the sum of both before the service manager kills
    it. A second signal, at least a second later, kills all programs, and leader ends.
  - a health check fails: the same, and this node takes parts again when the check succeeds.
  - the seat is lost or cannot be renewed: the program has --stop-timeout, or the rest of the term if that is less. SIGKILL
    comes before any other node can have the part; leader logs the times at the start. Then this node takes another seat.
leader passes SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH on to all programs. If its input is a terminal, SIGHUP drains the
node, as SIGTERM does: the terminal sends it when it is closed. No program reads the terminal.

No program is left behind. Each has a guard, a process between leader and the program, as under leader run (see leader run
--help for systems and limits): it stops the program in time also if leader is killed (SIGKILL), stopped (SIGSTOP) or hangs. The
guard of a part does not give the seat back, because the other parts need it, too: the parts of a leader that was killed wait
until its seat has run out.

With --follow, the nodes tell each other of a new plan and of programs that have ended: a part that moves stands still for a tenth
of --renew-every, and not for half of it or more. That costs no request to the store. Let each node --listen, and publish with
--attribute watch=http://ADDRESS:8080/watch where the others reach it. A node asks only the hosts that --follow names: names,
domains (.example.com), addresses, networks (10.0.0.0/8). A hint makes it look sooner, and decides nothing. Nodes with a directory
of one machine as their store hear by themselves.

For a rolling restart without moving a part twice, start the new node before you stop the old one (see docs/fleets.md).

Exit codes: 0 if leader was asked to stop, and all programs have ended; 1 if something failed; 2 for wrong flags; 126 or 127 if
the program cannot be run: then this node leaves the fleet, in order.

Each flag but --part can be set in the environment, too, such as LEADER_SHARDS=64 and LEADER_ATTRIBUTE=a=1,b=2 (see leader --help).

As the first process of a container, leader starts itself once more, and reaps all processes that lose their parent.`
