package service

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

// stopping is how long a program may take to end before it is killed.
const stopping = 10 * time.Second

// run starts a program. It ends with the service: it gets the signal, and is killed if it does not end then.
func (p *part) run(cmd *exec.Cmd, end os.Signal) error {
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	p.stops = append(p.stops, func() {
		_ = cmd.Process.Signal(end)
		select {
		case <-ended:
		case <-time.After(stopping):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	return nil
}

// freeAddress returns 127.0.0.1 and a port on which nothing listens.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// eventually tries until there is no error, or ctx ends.
func eventually(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
