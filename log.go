package leader

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cloudlease/leader/lease"
)

// remark is a line for the log alone. Like all others it is written in its turn, and keeps nobody waiting.
type remark struct {
	level   slog.Level
	message string
	attrs   []slog.Attr
}

func (remark) event() {}

// entry is an event on its way to the log that the run had.
type entry struct {
	log   *slog.Logger
	event Event
}

func (r *run) remark(level slog.Level, message string, attrs ...slog.Attr) {
	r.leader.logbook.post(entry{r.log, remark{level, message, attrs}}, true)
}

// scribe writes events to the log: changes of state at Info, trouble at Warn, requests at Debug. A trouble that lasts is one
// line when it begins, one when it ends, and few between.
type scribe struct {
	since  time.Time // when the requests began to fail; zero: they do not
	failed int       // requests since then
	again  time.Duration
}

// A trouble that lasts is told again after a minute, and then after twice as long each time, up to an hour.
const firstReminder, lastReminder = time.Minute, time.Hour

func (s *scribe) write(e entry) {
	level, message, attrs := slog.LevelInfo, "", []slog.Attr(nil)
	switch event := e.event.(type) {
	case remark:
		level, message, attrs = event.level, event.message, event.attrs
	case StateEvent:
		level, message, attrs = describeState(event)
	case RequestEvent:
		s.writeRequest(e.log, event)
		return
	case HolderEvent:
		level, message, attrs = describeHolder(event)
	case OverrunEvent:
		level, message = slog.LevelError, "the work has not returned, though its context was cancelled"
		attrs = append(attrs, slog.Duration("after", event.After))
		attrs = appendToken(attrs, event.Token)
	}
	e.log.LogAttrs(context.Background(), level, message, attrs...)
}

// states has what a change to a state says in the log.
var states = map[State]string{
	Idle:     "ended",
	Standby:  "standing by",
	Leading:  "leading: the work begins",
	Stopping: "stopping",
}

func describeState(e StateEvent) (level slog.Level, message string, attrs []slog.Attr) {
	message = states[e.To]
	if e.From == Stopping && e.To == Stopping {
		message = "the lease was lost while the work was stopping"
	}
	attrs = appendToken(append(attrs, slog.String("from", e.From.String())), e.Token)
	if e.To == Standby && e.From == Stopping {
		return slog.LevelInfo, message, attrs // the cause stands in the line before
	}
	trouble := errors.Is(e.Cause, lease.ErrLost) || errors.Is(e.Cause, ErrUnhealthy) || e.To == Idle && e.Cause != nil
	if trouble {
		level = slog.LevelWarn
	}
	return level, message, appendError(attrs, "cause", e.Cause)
}

func describeHolder(e HolderEvent) (level slog.Level, message string, attrs []slog.Attr) {
	switch {
	case e.Holder.State == lease.Held && e.Holder.Broken:
		level, message = slog.LevelWarn, "the lease was broken, and is nobody's until it has run out"
	case e.Holder.State == lease.Held && e.Holder.Holder == e.Node:
		level, message = slog.LevelDebug, "this node holds the lease"
	case e.Holder.State == lease.Held:
		message = "another node leads"
	case e.Holder.State == lease.Expired:
		message = "the lease has run out"
	default:
		message = "nobody holds the lease"
	}
	return level, message, appendToken(append(attrs, slog.String("holder", e.Holder.Holder)), e.Holder.Token)
}

func (s *scribe) writeRequest(log *slog.Logger, e RequestEvent) {
	ctx := context.Background()
	if isClear(e.Err) {
		log.LogAttrs(ctx, slog.LevelDebug, string(e.Op), appendError([]slog.Attr{slog.Duration("took", e.Took)}, "err", e.Err)...)
		if s.failed > 0 {
			log.LogAttrs(ctx, slog.LevelInfo, "the store answers again",
				slog.Duration("after", e.At.Sub(s.since)), slog.Int("failed", s.failed))
		}
		s.failed = 0
		return
	}
	s.failed++
	lasted := e.At.Sub(s.since)
	switch {
	case s.failed == 1:
		s.since, s.again = e.At, firstReminder
		log.LogAttrs(ctx, slog.LevelWarn, string(e.Op)+" failed", slog.Duration("took", e.Took), slog.Any("err", e.Err))
	case lasted >= s.again:
		s.again = lasted + min(max(lasted, firstReminder), lastReminder)
		log.LogAttrs(ctx, slog.LevelWarn, "requests to the store still fail",
			slog.Duration("for", lasted), slog.Int("failed", s.failed), slog.String("op", string(e.Op)), slog.Any("err", e.Err))
	default:
		log.LogAttrs(ctx, slog.LevelDebug, string(e.Op)+" failed", slog.Duration("took", e.Took), slog.Any("err", e.Err))
	}
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
