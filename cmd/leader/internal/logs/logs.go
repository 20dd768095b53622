// Package logs writes the log of leader run and of its guard: in text or JSON, with errors in the command's words. It keeps nobody
// waiting, whatever becomes of the log.
package logs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/cloudlease/leader/cmd/leader/internal/words"
)

// Flags are the flags of the log.
type Flags struct {
	Format string     // text or json
	Level  slog.Level // the least that is logged
}

// Register adds the flags to those of a command.
func (f *Flags) Register(flags *pflag.FlagSet) {
	flags.StringVar(&f.Format, "log-format", "text", "`format` of the log, which goes to standard error: text or json")
	flags.TextVar(&f.Level, "log-level", slog.LevelInfo, "lowest `level` that is logged: debug, info, warn or error")
	flags.Lookup("log-level").DefValue = "info"
}

// Validate reports what is wrong with the flags.
func (f *Flags) Validate() error {
	if f.Format != "text" && f.Format != "json" {
		return fmt.Errorf("--log-format %q: it is text or json", f.Format)
	}
	return nil
}

// New returns a log that writes to w.
func New(w io.Writer, f Flags) *slog.Logger {
	options := &slog.HandlerOptions{Level: f.Level, ReplaceAttr: shown(f.Format == "json")}
	if f.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// shown makes the log show errors, and what to do about them, in the command's words, and durations to the millisecond: in JSON as seconds.
func shown(inJSON bool) func([]string, slog.Attr) slog.Attr {
	return func(_ []string, a slog.Attr) slog.Attr {
		switch v := a.Value.Any().(type) {
		case error:
			a.Value = slog.AnyValue(errors.New(words.Own(v.Error())))
		case string:
			if a.Key == "do" { // of the library: what to do about a trouble
				a.Value = slog.StringValue(words.Own(v))
			}
		case time.Duration:
			a.Value = slog.DurationValue(v.Round(time.Millisecond))
			if inJSON {
				a.Value = slog.Float64Value(v.Round(time.Millisecond).Seconds())
			}
		}
		return a
	}
}

// Soon calls do, which may hang, as writing to a pipe that nobody reads does, or to a terminal that is stopped. It waits a second for
// do to return.
func Soon(do func()) {
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

// A Backlog is a Writer that does not block: another goroutine passes the lines on. If too many lines pile up, because nobody
// reads them, it drops the rest.
type Backlog struct {
	to   io.Writer
	tell func(dropped int) // is to write to it

	mu      sync.Mutex
	lines   chan []byte // nil: closed
	dropped int
	done    chan struct{}
}

// NewBacklog returns a backlog for a log, which says in it how much was dropped. It must be closed.
func NewBacklog(to io.Writer, f Flags) *Backlog {
	b := &Backlog{to: to, lines: make(chan []byte, 1024), done: make(chan struct{})}
	b.tell = func(dropped int) {
		New(to, f).Warn("lines of this log are missing, because nobody read it in time", "dropped", dropped)
	}
	go b.pass(b.lines)
	return b
}

// Write never fails: trouble with the log must not change what leader does.
func (b *Backlog) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.lines <- append([]byte(nil), line...): // never, to a nil channel
	default:
		b.dropped++
	}
	return len(line), nil
}

func (b *Backlog) pass(lines <-chan []byte) {
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

// Close waits until all lines are written, but not for long. It drops later lines.
func (b *Backlog) Close() {
	b.mu.Lock()
	close(b.lines)
	b.lines = nil
	b.mu.Unlock()
	Soon(func() { <-b.done })
}
