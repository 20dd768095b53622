package main

// runHelp is what leader run --help says. program's comment has the reasons.
const runHelp = `Run a program while this node leads, and on no other node meanwhile.

The program finds in its environment, beside all that leader has:

  LEADER_TOKEN   the fencing token: greater than that of every earlier run. Claim with it, then read: write it where the
                 effects go, before you read there what to go on from; then let each write depend on it.
  LEADER_LEASE   the lease, as --name
  LEADER_HOLDER  this node, as --node

It is stopped with SIGTERM to its process group, and later with SIGKILL if it has not ended, when
  - leader gets SIGTERM or SIGINT: the lease is renewed until the program has ended, then released. The program has
    --drain-timeout; give it less time than the service manager gives leader. A second signal, at least a second later, kills
    the program.
  - a health check fails, --health-after times in a row: the same, and then this node steps down until it is good again. It is
    asked also while the program does not run.
  - the lease is lost or cannot be renewed: the program has --stop-timeout, or what is left of the lease. SIGKILL comes before
    anybody else can have the lease; when exactly is printed at the start. Then this node waits for the lease again, and runs
    the program again.
SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH are passed on, also if the program is only being started. If leader is in the foreground of a terminal, so is the program
while it runs: it reads what is typed, and gets ^C itself; ^Z does nothing. In the background it does not read from the
terminal.

Files that are open when leader starts are open in the program, too. Signals that are ignored then are ignored in the program
if they are SIGHUP, SIGINT, SIGTSTP or SIGTTIN. The Go runtime, which leader is built on, takes the others over before leader
can see what they were, SIGPIPE among them: to have one ignored, run -- sh -c 'trap "" PIPE; exec my-service'.

When the program ends by itself, the lease is released, and leader exits with its status, or 128 and the number of the signal
that ended it. Let the service manager start leader again (systemd: Restart=always, KillMode=mixed): another node may lead first. What the
program has started is stopped when it ends.

With --once, leader tries once: it exits at once if another node is known to hold the lease. Where the store cannot tell how
old a record is (leader doctor says so), a new process cannot know whether its holder lives: it watches the record until that
changes, which takes a renew interval of a living holder, or has stood for its length, and then runs the program. There, a
lease that --hold-at-least keeps is renewed until its time has passed, and leader exits only then. A program that could not be
started keeps no lease.

Exit codes: the program's; 0 if leader was asked to stop, and the program ended by that SIGTERM or there was none; 1 if something
failed; 2 for wrong flags; 126 or 127 if the program cannot be run. With --once: --held-exit-code (0) if another node holds the
lease, which is no failure: with --log-level error nothing is written then, so cron sends no mail; 3 if the program was stopped before it had finished, since the lease was lost or this node became unhealthy; 128 and
the signal's number if leader was asked to stop.

No program is left behind. A guard, a process between leader and the program, stops the program in time also if leader is
killed (SIGKILL), stopped (SIGSTOP) or hangs. If leader was killed, the guard then gives the lease back, if that surely still is
this node's: the next one need not wait until it runs out. On Linux that covers what the program has started, in whatever session; on other
Unix systems its process group. On Windows all that was started ends with leader, but runs on if leader itself is suspended,
and to stop it, it gets CTRL_BREAK.
That takes a console: without one, as in a service, the program is not asked to stop, but ended when its time is up. If the whole machine is frozen, so is the guard: the program may run for a moment when it wakes,
before it is stopped. A process in an uninterruptible sleep, of a dead NFS server say, ends only with that; the lease is then
not released, but runs out. LEADER_TOKEN is for these.

The log never holds leader up: what nobody reads in time is left out, and how much that was is logged later.

As the first process of a container, leader starts itself once more, and waits for all processes that lose their parent: no
init is needed there.`
