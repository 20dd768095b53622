package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cloudlease/leader/lease"
)

const (
	minWidth = 4       // F9
	maxWidth = 1 << 16 // the coordinator looks at all of them: a damaged plan must not send it to a billion seats
	maxParts = 1 << 17 // of one plan, and of one list
	maxEpoch = math.MaxInt64
)

// A session is one term of a seat: no other ever has the same seat and token. The zero session is nobody.
type session struct {
	Seat  int    // counted from 1
	Token uint64 // of the seat's lease
}

func (s session) nobody() bool { return s == session{} }

func (s session) compare(t session) int {
	return cmp.Or(cmp.Compare(s.Seat, t.Seat), cmp.Compare(s.Token, t.Token))
}

func (s session) String() string {
	if s.nobody() {
		return "nobody"
	}
	return fmt.Sprintf("%d.%d", s.Seat, s.Token)
}

func (s session) valid() error {
	if s.Seat < 1 || s.Seat > maxWidth || s.Token == 0 {
		return fmt.Errorf("there is no session %d.%d: seats are 1 to %d, tokens begin at 1", s.Seat, s.Token, maxWidth)
	}
	return nil
}

// An entry says whose a part is (F2), and under which token: the epoch in which that changed last (F5). While From is set, that
// session may still work on the part, and nobody else begins it (F3).
type entry struct {
	Part  string
	Owner session
	Token uint64
	From  session
	Off   bool // the part is off the list: the entry stays, nobody's, until From has stopped (F5)
}

func (e entry) compare(part string) int { return strings.Compare(e.Part, part) }

// A plan divides the parts. Plans are a chain: each is made from the one before, and has the next epoch (F4).
type plan struct {
	Epoch   uint64
	Width   int       // F9: the seats are 1 to Width
	Version uint64    // of the list of parts (F10)
	Parts   []entry   // sorted by Part, each part once
	Seated  []session // sorted: who was seen seated. A hint for newcomers, which decides nothing
	Pins    []pin     // sorted by Part, each part once
}

// find returns the entry of a part.
func (p *plan) find(part string) (entry, bool) {
	i, found := slices.BinarySearchFunc(p.Parts, part, entry.compare)
	if !found {
		return entry{}, false
	}
	return p.Parts[i], true
}

// clone returns a copy that shares nothing with the plan.
func (p *plan) clone() *plan {
	c := *p
	c.Parts, c.Seated, c.Pins = slices.Clone(p.Parts), slices.Clone(p.Seated), slices.Clone(p.Pins)
	return &c
}

// sameAs reports whether the plans say the same, their epochs aside.
func (p *plan) sameAs(q *plan) bool {
	return p.Width == q.Width && p.Version == q.Version && slices.Equal(p.Parts, q.Parts) && slices.Equal(p.Seated, q.Seated) && slices.Equal(p.Pins, q.Pins)
}

// valid reports the first thing that no plan can say.
func (p *plan) valid() error {
	switch {
	case p.Epoch == 0 || p.Epoch > maxEpoch:
		return fmt.Errorf("its epoch is %d, and epochs are 1 to %d", p.Epoch, uint64(maxEpoch))
	case p.Width < minWidth || p.Width > maxWidth:
		return fmt.Errorf("its width is %d, and widths are %d to %d", p.Width, minWidth, maxWidth)
	case len(p.Parts) > maxParts:
		return fmt.Errorf("it has %d parts, more than %d", len(p.Parts), maxParts)
	}
	for i, e := range p.Parts {
		if i > 0 && e.Part <= p.Parts[i-1].Part {
			return fmt.Errorf("part %q stands in it twice, or out of order", e.Part)
		}
		if err := e.valid(p.Epoch); err != nil {
			return fmt.Errorf("part %q: %w", e.Part, err)
		}
	}
	for i, s := range p.Seated {
		if i > 0 && s.compare(p.Seated[i-1]) <= 0 {
			return fmt.Errorf("session %v is seated twice, or out of order", s)
		}
		if err := s.valid(); err != nil {
			return fmt.Errorf("who is seated: %w", err)
		}
	}
	return validPins(p.Pins)
}

func (e entry) valid(epoch uint64) error {
	if err := lease.CheckName(e.Part); err != nil {
		return err
	}
	if e.Token == 0 || e.Token > epoch {
		return fmt.Errorf("its token is %d, and the epoch %d", e.Token, epoch)
	}
	for _, s := range []session{e.Owner, e.From} {
		if s.nobody() {
			continue
		}
		if err := s.valid(); err != nil {
			return err
		}
	}
	if e.Off && (!e.Owner.nobody() || e.From.nobody()) {
		return errors.New("it is off the list, and yet somebody's, or nobody has to stop")
	}
	return nil
}
