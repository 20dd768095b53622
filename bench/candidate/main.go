// Command candidate is one process that campaigns as a peer, for measurements that kill it. It writes each moment to its
// standard output, as package line has it. SIGTERM has it give its lease back and end; it ends at once when its standard
// input does, as then whoever started it is gone.
//
//	candidate -peer leader-dynamodb -endpoint http://127.0.0.1:4566 -lease x -node a -length 15s < /dev/zero
//
// With -once it makes a single try. It exits with 3 if that is refused.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cloudlease/leader/bench/internal/failover/line"
	"github.com/cloudlease/leader/bench/internal/peer"
)

func main() {
	err := run()
	switch {
	case errors.Is(err, peer.ErrRefused):
		os.Exit(3)
	case err != nil:
		fmt.Fprintln(os.Stderr, "candidate:", err)
		os.Exit(1)
	}
}

func run() error {
	var c peer.Config
	key := flag.String("peer", "", "which peer")
	flag.StringVar(&c.Endpoint, "endpoint", "", "where its service is; from the environment if empty")
	flag.StringVar(&c.Lease, "lease", "", "name of the lease")
	flag.StringVar(&c.Node, "node", "", "who this is")
	flag.DurationVar(&c.Length, "length", 15*time.Second, "of the lease")
	once := flag.Bool("once", false, "make a single try, for peers that have such a thing")
	flag.Parse()

	p, err := peer.Find(*key)
	if err != nil {
		return err
	}
	c.Tell = func(m peer.Moment) {
		_, _ = os.Stdout.WriteString(line.Line{At: line.Now(), Moment: m}.String() + "\n") // one write, so that lines stay whole
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(4)
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch {
	case !*once:
		return p.Run(ctx, c)
	case p.Once == nil:
		return fmt.Errorf("%s has no single try", p.Key)
	}
	return p.Once(ctx, c)
}
