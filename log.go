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

	// Of a request that failed:
	left      time.Duration // of this node's term
	calledOff bool          // it was cut short, as Run is to end

	// Of a change of state:
	lost bool // this node's term is lost; else the cause may still be the loss of another one, or one to come

	paused bool // this node was paused, when its state or the holder changed
}

func (r *run) remark(level slog.Level, message string, attrs ...slog.Attr) {
	r.leader.logbook.Post(entry{log: r.log, event: remark{level, message, attrs}}, true)
}

// remark is for what happens outside of a run, too.
func (l *Leader) remark(level slog.Level, message string, attrs ...slog.Attr) {
	l.logbook.Post(l.remarked(level, message, attrs...), true)
}

// logDropped returns the line in place of those for which the logger was too slow.
func (l *Leader) logDropped(n int) entry {
	return l.remarked(slog.LevelWarn, "the logger is too slow: lines are missing here", slog.Int("lines", n),
		toDo("let the logger's handler return sooner"))
}

func (l *Leader) remarked(level slog.Level, message string, attrs ...slog.Attr) entry {
	log := l.options.logger
	if log == nil {
		log = slog.Default()
	}
	attrs = append([]slog.Attr{slog.String("lease", l.options.lease), slog.String("node", l.options.node)}, attrs...)
	return entry{log: log, event: remark{level, message, attrs}}
}

// scribe writes events to the log, for people who read one line of it, at night: what has happened, why, and what this node
// does now. Changes are at Info, trouble at Warn, requests at Debug. A trouble that lasts is one line when it begins, one when
// it ends, and few between.
type scribe struct {
	state State
	token uint64     // of this node's latest term
	led   time.Time  // when that began; zero: this run has had none
	lost  bool       // it is over, though its work may not have returned
	other lease.Info // the latest that was another node's; zero: none was
	leads bool       // that one holds the lease, as this node last heard

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
		level, message, attrs = s.describeState(event, e)
	case RequestEvent:
		s.writeRequest(e, event)
		return
	case HolderEvent:
		level, message, attrs = s.describeHolder(event, e.paused)
	case WishEvent:
		level, message, attrs = describeWish(event)
	case OverrunEvent:
		level, message = slog.LevelError, "the work has not returned, though it was told to stop: the lease is kept, and nobody else leads, until it has"
		if s.lost {
			message = "the work has not returned, though its lease is lost: another node may lead beside it, and this one does not ask for the lease until it has"
		}
		attrs = appendToken([]slog.Attr{lasting("after", event.After)}, event.Token)
		attrs = append(attrs, toDo("make the work return when its context ends; WithStopTimeout bounds it"))
	}
	e.log.LogAttrs(context.Background(), level, message, attrs...)
}

// describeState tells of a change of state, and goes on from it.
func (s *scribe) describeState(e StateEvent, line entry) (level slog.Level, message string, attrs []slog.Attr) {
	attrs = appendToken(nil, e.Token)
	from := s.state
	s.state = e.To
	switch e.To {
	case Idle:
		return s.describeEnd(e, attrs)
	case Leading:
		s.token, s.led, s.lost = e.Token, e.At, false
		if s.other.Holder != "" {
			attrs = append(attrs, slog.String("previous", s.other.Holder))
		}
		return slog.LevelInfo, "this node leads: the work begins", attrs
	case Standby:
		if from == Idle {
			return slog.LevelDebug, "standing by", attrs // Run has said so
		}
		return slog.LevelInfo, afterTerm(e.Cause, line.paused), attrs
	}
	switch {
	case line.lost:
		message = "the lease is lost, and this node leads no more: the work is told to stop"
		if from == Stopping {
			message = "the lease is lost, and the work is still stopping: another node may lead beside it"
		}
		s.lost = true
	case from == Leading && e.Cause == nil:
		message = "the work has returned: this node leads no more"
	case from == Leading:
		message = "this node is to lead no more: the work is told to stop, and the lease is kept until it has"
	case e.Token != 0:
		message = "this node does not begin to lead, though it got the lease"
	case e.Cause == nil:
		return slog.LevelDebug, "this node asks for the lease no more", attrs // the next line says why Run ends
	default:
		message = "this node was asked to stop, and asks for the lease no more"
	}
	if e.Token != 0 && errors.Is(e.Cause, lease.ErrLost) {
		level = slog.LevelWarn
	}
	if from == Leading {
		attrs = append(attrs, lasting("led", e.At.Sub(s.led)))
	}
	return level, message, appendRemedy(appendCause(attrs, e.Cause), e.Cause)
}

// afterTerm says what a node does once it leads no more.
func afterTerm(cause error, paused bool) string {
	lost, ok := errors.AsType[*lease.LostError](cause)
	switch {
	case paused:
		return "this node leads no more, and leaves the lease to the others until Resume is called"
	case ok && lost.Reason != lease.LostExpired: // another one has the lease, or had
		return "this node stands by again"
	}
	return "this node stands by again, and leaves the lease to the others for a while"
}

// describeEnd tells how Run ended. To find that another node has the lease is no trouble for a RunOnce; but a work may return that of
// another lease.
func (s *scribe) describeEnd(e StateEvent, attrs []slog.Attr) (slog.Level, string, []slog.Attr) {
	by, held := errors.AsType[*lease.HeldError](e.Cause)
	led := !s.led.IsZero()
	s.led = time.Time{} // the next run has not
	switch {
	case e.Cause == nil:
		return slog.LevelInfo, "ended: this node has no part in the election any more", attrs
	case held && by.Info.Name == e.Lease && !led:
		return slog.LevelInfo, "ended: another node has the lease", appendCause(attrs, e.Cause)
	}
	return slog.LevelWarn, "ended with an error: this node has no part in the election any more", appendRemedy(appendCause(attrs, e.Cause), e.Cause)
}

// describeHolder tells who holds the lease. What this node did to it itself is said elsewhere.
func (s *scribe) describeHolder(e HolderEvent, paused bool) (level slog.Level, message string, attrs []slog.Attr) {
	by, own := e.Seen, e.Seen.Holder == e.Node
	if s.leads = !own && by.State == lease.Held && !by.Broken; !own && !by.Broken && by.Holder != "" {
		s.other = by
	}
	attrs = appendHolder(nil, by)
	switch {
	case by.State == lease.Held && by.Broken:
		return slog.LevelWarn, "the lease was broken: nobody leads until it has run out", attrs
	case by.State == lease.Held && own:
		return slog.LevelDebug, "this node holds the lease", attrs
	case by.State == lease.Held:
		message = "another node leads: this one stands by"
		if s.state != Standby || paused {
			message = "another node leads"
		}
		if !by.Acquired.IsZero() {
			attrs = append(attrs, slog.Time("since", by.Acquired))
		}
		return slog.LevelInfo, message, attrs
	case own && by.State == lease.Expired:
		return slog.LevelDebug, "this node's lease runs out", attrs
	case own:
		return slog.LevelInfo, "this node has given the lease back: nobody leads, and any node may", attrs
	case by.State == lease.Expired:
		return slog.LevelInfo, "nobody leads: the lease has run out", attrs
	}
	if by.Next != "" {
		return slog.LevelInfo, "nobody leads: the lease is free, and is left to the next node at first", append(attrs, slog.String("next", by.Next))
	}
	return slog.LevelInfo, "nobody leads: the lease is free", attrs
}

// describeWish tells who asks what of this node.
func describeWish(e WishEvent) (level slog.Level, message string, attrs []slog.Attr) {
	for _, a := range []slog.Attr{slog.String("next", e.Wish.For), slog.String("by", e.Wish.By)} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	attrs = appendToken(attrs, e.Token)
	if e.Refused != nil {
		return slog.LevelWarn, "this node is asked to hand the lease over, and does not", appendCause(attrs, e.Refused)
	}
	return slog.LevelInfo, "this node is asked to hand the lease over: it does", attrs
}

func (s *scribe) writeRequest(line entry, e RequestEvent) {
	ctx, log := context.Background(), line.log
	op := slog.String("op", string(e.Op))
	switch {
	case isClear(e.Err):
		log.LogAttrs(ctx, slog.LevelDebug, string(e.Op), appendError([]slog.Attr{lasting("took", e.Took)}, "err", e.Err)...)
		s.writeRecovery(log, e.At)
		return
	case line.calledOff:
		log.LogAttrs(ctx, slog.LevelDebug, string(e.Op)+" called off", lasting("took", e.Took), slog.Any("err", e.Err))
		return
	}
	s.failed++
	lasted := e.At.Sub(s.since)
	consequence, attrs := s.consequence(e, line.left)
	switch {
	case s.failed == 1:
		s.since, s.again = e.At, firstReminder
		attrs = append(attrs, op, lasting("took", e.Took), slog.Any("err", e.Err))
		log.LogAttrs(ctx, slog.LevelWarn, "a request to the store has failed: "+consequence, appendRemedy(attrs, e.Err)...)
	case lasted >= s.again:
		s.again = lasted + min(max(lasted, firstReminder), lastReminder)
		attrs = append(attrs, op, lasting("for", lasted), slog.Int("failed", s.failed), slog.Any("err", e.Err))
		log.LogAttrs(ctx, slog.LevelWarn, "requests to the store still fail: "+consequence, appendRemedy(attrs, e.Err)...)
	default:
		log.LogAttrs(ctx, slog.LevelDebug, string(e.Op)+" failed", lasting("took", e.Took), slog.Any("err", e.Err))
	}
}

// writeRecovery tells that requests to the store do not fail any more, if they did.
func (s *scribe) writeRecovery(log *slog.Logger, at time.Time) {
	if s.failed == 0 {
		return
	}
	attrs := []slog.Attr{lasting("after", at.Sub(s.since)), slog.Int("failed", s.failed)}
	s.failed = 0
	message := "the store answers again"
	if s.state == Leading {
		message, attrs = "the store answers again: this node leads on", appendToken(attrs, s.token)
	}
	log.LogAttrs(context.Background(), slog.LevelInfo, message, attrs...)
}

// consequence says what a failed request means for this node.
func (s *scribe) consequence(e RequestEvent, left time.Duration) (string, []slog.Attr) {
	own := []slog.Attr{slog.Uint64("token", s.token)}
	switch {
	case e.Op == OpRelease:
		return "the lease is not given back yet", own
	case left > 0 && s.state == Leading:
		return "this node leads on, and loses the lease unless one succeeds in time", append(own, lasting("left", left))
	case left > 0:
		return "the work is stopping, and the lease is lost unless one succeeds in time", append(own, lasting("left", left))
	case s.leads:
		return "this node cannot lead until one succeeds, and another did when it last heard", appendHolder(nil, s.other)
	}
	return "this node cannot lead until one succeeds", nil
}

// lasting is a time span as people read it, in text and in JSON.
func lasting(key string, d time.Duration) slog.Attr {
	switch {
	case d >= time.Minute:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(100 * time.Millisecond)
	case d >= time.Millisecond:
		d = d.Round(time.Millisecond)
	}
	return slog.String(key, d.String())
}

func appendHolder(attrs []slog.Attr, holder lease.Info) []slog.Attr {
	return appendToken(append(attrs, slog.String("holder", holder.Holder)), holder.Token)
}

func appendToken(attrs []slog.Attr, token uint64) []slog.Attr {
	if token == 0 {
		return attrs
	}
	return append(attrs, slog.Uint64("token", token))
}

// appendCause says why. Of most shutdowns nothing more is known than that ctx was cancelled, without a special cause.
func appendCause(attrs []slog.Attr, cause error) []slog.Attr {
	if cause == context.Canceled {
		return append(attrs, slog.String("cause", "Run's context was cancelled"))
	}
	return appendError(attrs, "cause", cause)
}

func appendError(attrs []slog.Attr, key string, err error) []slog.Attr {
	if err == nil {
		return attrs
	}
	return append(attrs, slog.Any(key, err))
}

// toDo says what to do about a trouble. A line about which a person can do nothing, or only the user's code knows what, has none.
func toDo(what string) slog.Attr { return slog.String("do", what) }

// appendRemedy says what to do about an error, if its cause is known well enough.
func appendRemedy(attrs []slog.Attr, err error) []slog.Attr {
	wrong, ok := errors.AsType[*lease.MisconfiguredError](err)
	switch {
	case ok && wrong.Advice != "":
		return append(attrs, toDo(wrong.Advice))
	case errors.Is(err, lease.ErrNewer):
		return append(attrs, toDo("update this program: a newer version wrote the record"))
	case errors.Is(err, lease.ErrRecord):
		return append(attrs, toDo("repair the record: if it is removed, tokens begin at 1 again"))
	case errors.Is(err, lease.ErrClockStepped):
		return append(attrs, toDo("let the time service adjust the clock gradually, without steps"))
	}
	return attrs
}
