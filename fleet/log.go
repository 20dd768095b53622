package fleet

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/cloudlease/leader/internal/callbacks"
	"github.com/cloudlease/leader/lease"
)

// warnings passes on what the leaders of the seat and of the office warn of. What they do otherwise, the fleet tells in its own words.
type warnings struct{ slog.Handler }

// Enabled passes on warnings and worse.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the level.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the level.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// A logbook passes lines on to a logger that may be slow, or stuck: the node does not wait for it.
type logbook struct {
	slog.Handler
	lines *callbacks.Queue[line]
}

// A line waits to be logged.
type line struct {
	to     slog.Handler
	record slog.Record
}

func (l line) write() { _ = l.to.Handle(context.Background(), l.record) }

// Handle never fails: nobody would hear of it.
func (b logbook) Handle(_ context.Context, r slog.Record) error {
	b.lines.Post(line{b.Handler, r.Clone()}, true)
	return nil
}

// WithAttrs keeps the queue.
func (b logbook) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logbook{b.Handler.WithAttrs(attrs), b.lines}
}

// WithGroup keeps the queue.
func (b logbook) WithGroup(name string) slog.Handler {
	return logbook{b.Handler.WithGroup(name), b.lines}
}

// errEdited says that a session's seat has no record, or one from before the session or its end.
func errEdited(s session, info lease.Info) error {
	return fmt.Errorf("fleet: seat %d was held under token %d, and for a lease length its record has shown an earlier state, under token %d: somebody has edited or deleted it; that session counts as over", s.Seat, s.Token, info.Token)
}
