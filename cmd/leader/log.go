package main

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

// logFlags say what the log is like.
type logFlags struct {
	Format string
	Level  slog.Level
}

func newLog(w io.Writer, f logFlags) *slog.Logger {
	options := &slog.HandlerOptions{Level: f.Level, ReplaceAttr: shown(f.Format == "json")}
	if f.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// soon does what may hang, as writing to a pipe that nobody reads may, or to a terminal that is stopped. It waits for it, but
// not for long.
func soon(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}

// backlog is a Writer that keeps nobody waiting: what is written is passed on in its turn. If too much piles up, because nobody
// takes it, the rest is dropped.
type backlog struct {
	to   io.Writer
	tell func(dropped int) // is to write to it

	mu      sync.Mutex
	lines   chan []byte // nil: closed
	dropped int
	done    chan struct{}
}

// newBacklog returns a backlog for a log, which says in it how much was dropped. It must be closed.
func newBacklog(to io.Writer, f logFlags) *backlog {
	b := &backlog{to: to, lines: make(chan []byte, 1024), done: make(chan struct{})}
	b.tell = func(dropped int) {
		newLog(to, f).Warn("lines of this log are missing, as nobody took them", "dropped", dropped)
	}
	go b.pass(b.lines)
	return b
}

// Write never fails: what becomes of the log is no reason to do anything else.
func (b *backlog) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.lines <- append([]byte(nil), line...): // never, to a nil channel
	default:
		b.dropped++
	}
	return len(line), nil
}

func (b *backlog) pass(lines <-chan []byte) {
	defer close(b.done)
	for line := range lines {
		_, _ = b.to.Write(line)
		b.mu.Lock()
		dropped := b.dropped
		b.dropped = 0
		b.mu.Unlock()
		if dropped > 0 {
			b.tell(dropped)
		}
	}
}

// close waits until all is written, but not for long. What comes later is dropped.
func (b *backlog) close() {
	b.mu.Lock()
	close(b.lines)
	b.lines = nil
	b.mu.Unlock()
	soon(func() { <-b.done })
}
