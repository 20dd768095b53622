package fleet

import (
	"context"
	"fmt"
	"log/slog"

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

// errEdited says that a session's seat has no record, or one with a smaller token.
func errEdited(s session, info lease.Info) error {
	return fmt.Errorf("fleet: seat %d was held under token %d, and for a lease length its record has shown token %d: somebody has edited or deleted it; its session counts as over", s.Seat, s.Token, info.Token)
}
