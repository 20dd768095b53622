//go:build unix

package guard

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloudlease/leader/cmd/leader/internal/signals"
	"github.com/cloudlease/leader/lease"
)

// Main is the main function of the guard's process. Its first two arguments are the file descriptors of its orders and reports.
// arguments.
func Main(args []string) error {
	if len(args) < 4 {
		return errByHand
	}
	orders, errOrders := pipeOf(args[0], "orders")
	reports, errReports := pipeOf(args[1], "reports")
	if errOrders != nil || errReports != nil {
		return errByHand
	}
	newGuard(orders, reports, args[2], args[3:]).run()
	return nil // what is to be told of the program has been told to leader
}

var errByHand = errors.New("only leader run starts the guard")

func pipeOf(number, name string) (*os.File, error) {
	fd, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, errByHand
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name), nil
}

// guard is the process that ends the program in time; the package's comment says how. One goroutine has it.
type guard struct {
	path string
	argv []string
	charge
	orders  <-chan guardOrder // closed when leader is gone; nil then
	reports *json.Encoder

	asked *lease.Instant // just before the question that waits for its answer; nil: there is none
	since lease.Instant  // just before the question that was answered last
	left  time.Duration  // of the term, from there

	tree
	early   []syscall.Signal // for the program, once it runs
	done    bool             // the program has ended before anybody stopped it
	told    bool             // leader has ordered the end
	stopped *lease.Instant   // when the end began; nil before
	limit   time.Duration    // from there to SIGKILL, at the latest
	killing bool
}

func newGuard(from, to *os.File, path string, argv []string) *guard {
	orders, decoder := make(chan guardOrder), json.NewDecoder(from)
	go func() { // until leader's end of the pipe is closed, or this process ends
		defer close(orders)
		for {
			var o guardOrder
			if decoder.Decode(&o) != nil {
				return
			}
			orders <- o
		}
	}()
	return &guard{path: path, argv: argv, orders: orders, reports: json.NewEncoder(to)}
}

func (g *guard) run() {
	runtime.LockOSThread() // the program dies with the thread that started it (PR_SET_PDEATHSIG): this goroutine's alone
	becomeSubreaper()
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	// What is sent to every process of a service is for leader to act on. If it were ignored here, so it would be in the
	// program; as SIGTTOU is in leader, but not to be in the program.
	signal.Notify(make(chan os.Signal, 1), append(signals.NotIgnored(unix.SIGINT, unix.SIGHUP),
		unix.SIGTERM, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTTOU)...)
	for timer := time.NewTimer(time.Hour); !g.act(); {
		timer.Reset(g.next())
		select {
		case o, ok := <-g.orders:
			g.take(o, ok)
		case <-children:
		case <-timer.C:
		}
	}
	g.settle()
}

func (g *guard) take(o guardOrder, ok bool) {
	switch {
	case !ok: // leader is gone, and what it knew of the term counts on
		g.orders = nil
		g.stop(g.Timing.Stop)
		g.limit = min(g.limit, g.stopped.Elapsed()+g.Timing.Stop) // the lease is kept no longer, also if it drains
	case o.Charge != nil:
		g.charge = *o.Charge
	case o.Answer && g.asked != nil:
		g.since, g.left, g.asked = *g.asked, o.Remaining, nil
	case o.Stop > 0:
		g.told = true
		g.stop(o.Stop)
	case o.Kill:
		g.told = true
		g.kill()
	case o.Signal != 0 && g.pid == 0:
		g.early = append(g.early, o.Signal)
	case o.Signal != 0:
		g.signalGroup(o.Signal)
	}
}

// act does what is due. It reports whether there is nothing more to do.
func (g *guard) act() (over bool) {
	g.sample()
	if g.pid == 0 {
		over = g.begin()
	} else {
		over = g.watch()
	}
	if !over && g.orders != nil && g.asked == nil && g.askIn() <= 0 {
		now := lease.Now(context.Background())
		g.asked = &now
		g.report(guardReport{Ask: true})
	}
	return over
}

// begin starts the program, once it is known that the term lasts.
func (g *guard) begin() (over bool) {
	if g.left > 0 && g.remaining() <= g.Timing.Margin() {
		g.stop(g.Timing.Stop)
	}
	switch {
	case g.stopped != nil:
		g.report(guardReport{Ended: &Ending{Early: !g.told}})
		return true
	case g.left <= 0:
		return false
	}
	if err := g.start(g.path, g.argv); err != nil {
		g.report(guardReport{Failed: err.Error(), Code: failureCode(err)})
		return true
	}
	g.report(guardReport{Started: g.pid})
	for _, s := range g.early {
		g.signalGroup(s)
	}
	return false
}

// watch stops and kills the program in time, and waits for its end.
func (g *guard) watch() (over bool) {
	running := g.ending == nil
	if g.reap() {
		over = true
	}
	if running && g.ending != nil {
		g.done, g.ending.Early = g.stopped == nil, g.stopped != nil && !g.told
		if !g.killing {
			g.stopped = nil // what it has left behind is stopped anew: it may have been started after SIGTERM was sent
		}
	}
	switch {
	case over:
		g.report(guardReport{Ended: g.ending})
	case g.remaining() <= g.Timing.Kill, g.stopped != nil && g.stopped.Elapsed() >= g.limit:
		g.kill()
	case g.remaining() <= g.Timing.Margin(), g.ending != nil: // what the program left behind does not outlive it for long
		g.stop(g.Timing.Stop)
	}
	return over
}

// stop asks the program to end within the limit. One that is stopped cannot do so before it goes on.
func (g *guard) stop(limit time.Duration) {
	if g.stopped != nil {
		return
	}
	now := lease.Now(context.Background())
	g.stopped, g.limit = &now, limit
	g.terminate(unix.SIGTERM)
	g.terminate(unix.SIGCONT)
}

// kill ends the program, and goes on until all that it has left behind is gone.
func (g *guard) kill() {
	g.stop(0)
	g.limit, g.killing = 0, true
	g.terminate(unix.SIGKILL)
}

// sample counts on (R3).
func (g *guard) sample() {
	g.since = g.since.Sample()
	for _, i := range []*lease.Instant{g.asked, g.stopped} {
		if i != nil {
			*i = i.Sample()
		}
	}
}

// remaining returns a lower bound on the rest of the term.
func (g *guard) remaining() time.Duration { return g.left - g.since.Elapsed() }

// askIn is how long it is until the next question: twice before the margin, and at least every second.
func (g *guard) askIn() time.Duration {
	every := min(max((g.left-g.Timing.Margin())/2, g.Timing.Kill/4), time.Second)
	return every - g.since.Elapsed()
}

// next is how long there is nothing to do, if nothing happens.
func (g *guard) next() time.Duration {
	next := min(lease.SampleEvery, g.remaining()-g.Timing.Kill) // R3
	if g.stopped == nil {
		next = min(next, g.remaining()-g.Timing.Margin())
	} else {
		next = min(next, g.limit-g.stopped.Elapsed())
	}
	if g.asked == nil && g.orders != nil {
		next = min(next, g.askIn())
	}
	if g.killing || g.ending != nil || g.pid == 0 {
		next = pollEvery // of what is no child of the guard's, or not yet, its end is not told
	}
	return max(next, time.Millisecond)
}

// pollEvery is how often the guard looks whether what the program has left behind is gone.
const pollEvery = 10 * time.Millisecond

func (g *guard) report(r guardReport) { _ = g.reports.Encode(r) } // leader is gone, if it fails
