package main

// runHelp has the help of leader run. The comment of program has the reasons.
const runHelp = `Run a program while this node leads, and on no other node meanwhile.

The program gets leader's environment, and these variables:

  LEADER_TOKEN   the fencing token: greater than that of every earlier run. Claim, then read: write it to where the effects
                 go, and only then read there the state from which to continue. Let each later write depend on it.
  LEADER_LEASE   the lease, as --name
  LEADER_HOLDER  this node, as --node

To stop the program, leader sends SIGTERM to its process group, and SIGKILL if it has not ended in time, when
  - leader gets SIGTERM or SIGINT: it renews the lease until the program has ended, and then releases it. The program has
    --drain-timeout; give it less time than the service manager gives leader. A second signal, at least a second later, kills
    the program.
  - a health check fails, --health-after times in a row: the same, and then this node steps down until the check succeeds.
    leader also runs the check while the program does not run.
  - the lease is lost or cannot be renewed: the program has --stop-timeout, or the rest of the term if that is less. SIGKILL
    comes before any other node can have the lease; leader logs the times at the start. Then this node campaigns again, and
    runs the program again when it leads.
leader passes SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH on, also while the program is being started. In the foreground of
a terminal, the program is in the foreground, too: it reads the terminal, and gets ^C itself; ^Z does nothing. In the
background, it does not read the terminal.

Files that are open when leader starts are open in the program, too. If SIGHUP, SIGINT, SIGTSTP or SIGTTIN is ignored then, the
program ignores it. leader cannot pass on other ignored signals, such as SIGPIPE, because the Go runtime handles them first. To
have one ignored, run -- sh -c 'trap "" PIPE; exec my-service'.

When the program ends by itself, leader stops everything that it has started, releases the lease, and exits with the program's
status, or with 128 and the number of the signal that ended it. Let the service manager start leader again (systemd:
Restart=always, KillMode=mixed): another node may lead first.

With --once, leader tries once. It exits at once if another node is known to hold the lease. Some stores cannot tell how old a
record is (see leader doctor). There, a new process cannot know whether the holder is alive, and watches the record: until it
changes, which takes one renew interval of a living holder, or until it has stood for its length. Then leader runs the program.
On such a store, --hold-at-least renews the lease until the time has passed, and leader exits only then. If the program could
not be started, leader does not keep the lease.

Exit codes: the program's; 0 if leader was asked to stop, and the program ended by that SIGTERM or was not running; 1 if
something failed; 2 for wrong flags; 126 or 127 if the program cannot be run. With --once: --held-exit-code (0) if another node
holds the lease, which is no failure (with --log-level error, leader then writes nothing, and cron sends no mail); 3 if the
program was stopped before it had finished, because the lease was lost, this node became unhealthy, or leader itself did not run
for so long that the guard ended the program; 128 and the signal's number if leader was asked to stop. A job cannot be asked to
hand over (leader handover): nobody goes on with it.

No program is left behind. The guard, a process between leader and the program, stops the program in time also if leader is
killed (SIGKILL), stopped (SIGSTOP) or hangs. If leader was killed, the guard releases the lease if that surely still belongs
to this node, so that the next node need not wait until it runs out. A service manager that kills all that is left once leader
is gone (systemd with KillMode=mixed) kills the guard, too: then the lease runs out. On Linux, the guard stops everything that the program has
started, in any session; on other Unix systems, the program's process group. On Windows, everything ends with leader, but runs
on while leader itself is suspended. There, leader asks the program to stop with CTRL_BREAK, which needs a console: without
one, as in a service, leader ends the program when its time is up.

A frozen machine freezes the guard, too: when it wakes, the program may run for a moment before the guard stops it. A process
in an uninterruptible sleep, on a dead NFS server for example, ends only when the sleep does: then leader does not release the
lease, and it runs out. LEADER_TOKEN protects against both.

With --follow, a standby hears at once when the leader gives the lease up, and need not wait for its next look. That costs no request to
the store. Let each node --listen, and publish with --attribute watch=http://ADDRESS:8080/watch where the others reach it. A
node asks only the hosts that --follow names: names, domains (.example.com), addresses, networks (10.0.0.0/8). A hint makes it look
sooner, and decides nothing. Nodes with a directory of one machine as their store hear by themselves.

Each flag can be set in the environment, too, such as LEADER_RENEW_EVERY=5s and LEADER_ATTRIBUTE=a=1,b=2 (see leader --help).

The log never delays leader: if nobody reads it in time, leader drops lines, and logs later how many.

As the first process of a container, leader starts itself once more, and reaps all processes that lose their parent: the
container needs no init.`
