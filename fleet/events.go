package fleet

import (
	"errors"
	"log/slog"
	"time"
)

// An Event tells what happened to a Fleet: it is a PartEvent, PlanEvent, SeatEvent, CoordinatorEvent, UnplacedEvent, MovesEvent,
// TroubleEvent or DroppedEvent. There may be more kinds later.
type Event interface{ event() }

// Origin tells where and when an event happened.
type Origin struct {
	Fleet string
	Node  string
	At    time.Time // by this node's wall clock
}

func (Origin) event() {}

// A PartEvent tells of a change of a part's state on this node.
type PartEvent struct {
	Origin
	Part     string
	Token    uint64 // of the part's term
	From, To PartState
	Gone     bool  // this node does not have the part any more
	Err      error // the work's error, or the reason why it is to stop; nil if there is none
}

// A PlanEvent tells that this node has taken a newer plan.
type PlanEvent struct {
	Origin
	Epoch uint64
	Parts int // in the plan, of all nodes
}

// A SeatEvent tells that this node has taken a seat, or no longer has it.
type SeatEvent struct {
	Origin
	Seat  int
	Token uint64
	Held  bool
	Err   error // why it is lost, or an ErrStopTimeout if it is left to run out; nil if it was given back
}

// A CoordinatorEvent tells that this node begins to coordinate, or has stopped.
type CoordinatorEvent struct {
	Origin
	Token       uint64 // of the coordinator's lease
	Coordinates bool
	Err         error // why it has stopped; nil if it begins, or gave the lease up by itself
}

// A MovesEvent tells, on the coordinator, that a new plan gives parts to other nodes.
type MovesEvent struct {
	Origin
	Epoch uint64
	Moves int // how many parts get another node than in the plan before, or their first one
	Seats int // that are taken
}

// An UnplacedEvent tells, on the coordinator, which parts fit nowhere; none if all are placed again.
type UnplacedEvent struct {
	Origin
	Parts []string
}

// A TroubleEvent tells of something that this node could not do. The node goes on.
type TroubleEvent struct {
	Origin
	Doing string // what it was about, for people
	Err   error
}

// A DroppedEvent tells an observer that it was too slow, and how many events it has missed since the last DroppedEvent. Status tells
// how things stand.
type DroppedEvent struct {
	Origin
	Count int
}

func (n *node) origin() Origin {
	return Origin{Fleet: n.opts.name, Node: n.opts.node, At: n.host.Now()}
}

// emit tells the log and the observers. Each has a goroutine for itself: they may be slow, and ask for the Status.
func (n *node) emit(e Event) {
	n.record(e)
	for _, w := range n.fleet.watchers {
		w.Post(e, true)
	}
}

func (n *node) trouble(doing string, err error) {
	n.emit(TroubleEvent{Origin: n.origin(), Doing: doing, Err: err})
}

// tellMoves tells how many parts a new plan gives to others than the one before.
func (n *node) tellMoves(was, is *plan) {
	moves := 0
	for _, e := range is.Parts {
		if before, _ := was.find(e.Part); !e.Owner.nobody() && before.Owner != e.Owner {
			moves++
		}
	}
	if moves > 0 {
		n.emit(MovesEvent{Origin: n.origin(), Epoch: is.Epoch, Moves: moves, Seats: len(is.Seated)})
	}
}

// tellParts tells in one line what a plan has changed for this node: a fleet may have thousands of parts.
func (n *node) tellParts(taken, given int) {
	if taken+given > 0 {
		n.log.Info("this node's parts change", "epoch", n.plan.Epoch, "taken", taken, "given", given, "has", len(n.parts)-len(n.stopping))
	}
}

// record writes an event to the log.
func (n *node) record(e Event) {
	switch e := e.(type) {
	case PartEvent:
		n.recordPart(e)
	case PlanEvent:
		n.log.Debug("a newer plan", "epoch", e.Epoch, "parts", e.Parts)
	case SeatEvent:
		switch {
		case e.Held:
			n.log.Info("this node takes part in the fleet", "seat", e.Seat, "token", e.Token)
		case errors.Is(e.Err, ErrStopTimeout):
			n.log.Warn("this node lets its seat run out, as a work in it does not return: its parts wait for that", "seat", e.Seat, "token", e.Token, "err", e.Err)
		case e.Err != nil:
			n.log.Warn("this node has lost its seat: its parts go to others, and it "+n.next(), "seat", e.Seat, "token", e.Token, "err", e.Err)
		default:
			n.log.Info("this node has given its seat back", "seat", e.Seat, "token", e.Token)
		}
	case CoordinatorEvent:
		if e.Coordinates {
			n.log.Info("this node is the coordinator", "token", e.Token)
		} else {
			n.log.Info("this node is the coordinator no more", "token", e.Token, "err", e.Err)
		}
	case MovesEvent:
		n.log.Info("parts change hands", "epoch", e.Epoch, "moves", e.Moves, "nodes", e.Seats)
	case UnplacedEvent:
		if len(e.Parts) == 0 {
			n.log.Info("every part has a node again")
			return
		}
		n.log.Error("nobody is there to take these parts, and nobody works on them: add nodes, or raise their capacity", "count", len(e.Parts), "first", e.Parts[0])
	case TroubleEvent:
		n.log.Warn("trouble in the fleet: this node goes on", "doing", e.Doing, "err", e.Err)
	}
}

// next says what this node does when it has no seat.
func (n *node) next() string {
	switch {
	case n.draining:
		return "leaves"
	case n.health != nil:
		return "takes another seat when it is healthy"
	}
	return "takes another seat"
}

func (n *node) recordPart(e PartEvent) {
	level, text := slog.LevelDebug, "this node has the part no more"
	switch {
	case e.Gone:
	case e.To == Working:
		text = "this node works on the part"
	case e.To == Stopping:
		text = "the part moves: its work is to return"
	case e.To == Failed:
		level, text = slog.LevelWarn, "the work of the part has failed, and is begun again after a while"
	case e.To == Done:
		text = "the work of the part is done"
	}
	attrs := []any{"part", e.Part, "token", e.Token}
	if e.Err != nil {
		attrs = append(attrs, "err", e.Err)
	}
	n.log.Log(n.life, level, text, attrs...)
}
