package leader

import (
	"context"
	"errors"
	"log/slog"

	"github.com/cloudlease/leader/lease"
)

// remark is a line for the log alone. Like all others it is written in its turn, and keeps nobody waiting.
type remark struct {
	level   slog.Level
	message string
	attrs   []slog.Attr
}

func (remark) event() {}

func (r *run) remark(level slog.Level, message string, attrs ...slog.Attr) {
	r.logbook.post(remark{level, message, attrs}, false)
}

// logEvent writes an event to the log: changes of state at Info, requests at Debug, trouble at Warn.
func logEvent(log *slog.Logger, e Event) {
	level, message, attrs := slog.LevelInfo, "", []slog.Attr(nil)
	switch e := e.(type) {
	case remark:
		level, message, attrs = e.level, e.message, e.attrs
	case StateEvent:
		message = e.To.String()
		attrs = append(attrs, slog.String("from", e.From.String()))
		attrs = appendToken(attrs, e.Token)
		attrs = appendError(attrs, "cause", e.Cause)
		if errors.Is(e.Cause, lease.ErrLost) || errors.Is(e.Cause, ErrUnhealthy) {
			level = slog.LevelWarn
		}
	case RequestEvent:
		level, message = slog.LevelDebug, string(e.Op)
		if e.Err != nil && !errors.Is(e.Err, lease.ErrHeld) {
			level, message = slog.LevelWarn, message+" failed"
		}
		attrs = append(attrs, slog.Duration("took", e.Took))
		attrs = appendError(attrs, "err", e.Err)
	case HolderEvent:
		message = "the lease is " + e.Holder.State.String()
		attrs = append(attrs, slog.String("holder", e.Holder.Holder))
		attrs = appendToken(attrs, e.Holder.Token)
	case OverrunEvent:
		level, message = slog.LevelError, "the work ignores that its context was cancelled"
		attrs = append(attrs, slog.Duration("after", e.After))
		attrs = appendToken(attrs, e.Token)
	}
	log.LogAttrs(context.Background(), level, message, attrs...)
}

func appendToken(attrs []slog.Attr, token uint64) []slog.Attr {
	if token == 0 {
		return attrs
	}
	return append(attrs, slog.Uint64("token", token))
}

func appendError(attrs []slog.Attr, key string, err error) []slog.Attr {
	if err == nil {
		return attrs
	}
	return append(attrs, slog.Any(key, err))
}
