package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// untilInterrupted waits for what goes on without this command. If a person interrupts it, the error says what goes on, and how to take it back.
func untilInterrupted(ctx context.Context, goesOn string, wait func(ctx context.Context) error) error {
	waiting, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := wait(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return errors.New("interrupted, and " + goesOn)
	}
	return err
}

// uninterrupted does what must not stop half way: a few requests. The first interruption is too late, and a second one ends this process.
func uninterrupted(do func() error) error {
	first, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(first, stop)()
	return do()
}
