// Package candidate is the program of one process that campaigns as a peer, for measurements that kill it, and the format of
// its reports.
package candidate

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

	"github.com/cloudlease/leader/bench/internal/peer"
)

// Refused is a candidate's exit status if its single try (-once) was refused.
const Refused = 3

// Main is the main function of bench/candidate. It does not return.
func Main(args []string) {
	err := run(args)
	switch {
	case errors.Is(err, peer.ErrRefused):
		os.Exit(Refused)
	case err != nil:
		fmt.Fprintln(os.Stderr, "candidate:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(args []string) error {
	var c peer.Config
	flags := flag.NewFlagSet("candidate", flag.ExitOnError)
	key := flags.String("peer", "", "which peer")
	flags.StringVar(&c.Endpoint, "endpoint", "", "where its service is; from the environment if empty")
	flags.StringVar(&c.Lease, "lease", "", "name of the lease")
	flags.StringVar(&c.Node, "node", "", "who this is")
	flags.DurationVar(&c.Length, "length", 15*time.Second, "of the lease")
	flags.BoolVar(&c.Follow, "follow", false, "have standbys of this library wait at the leader's Handler")
	once := flags.Bool("once", false, "make a single try, for peers that have such a thing")
	_ = flags.Parse(args) // Parse exits if it fails

	p, err := peer.Find(*key)
	if err != nil {
		return err
	}
	c.Tell = func(m peer.Moment) {
		_, _ = os.Stdout.WriteString(Line{At: Now(), Moment: m}.String() + "\n") // one write, so that lines stay whole
	}
	go func() { // it ends with the process
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
