package lease

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A History tells of the terms of a lease before the latest one, as far as its record keeps them. It is for people: nothing is
// decided by it, and it may have gaps. It is the text in which managers store it, in ASCII. Terms reads it.
type History string

// A PastTerm is a term that is over. Its times are by the clocks of those who wrote them, to the second.
type PastTerm struct {
	Token  uint64
	Holder string
	Begun  time.Time // when the holder got the lease; zero: unknown
	Ended  time.Time // when it was released or broken, or had run out since its last renewal; zero: unknown
	How    Ending
}

// An Ending tells how a term ended.
type Ending string

// The ways in which terms end. There may be more later.
const (
	EndReleased Ending = "released"
	EndExpired  Ending = "expired" // its holder let it run out: it crashed, say
	EndLeft     Ending = "left"    // it ran out, as its holder had said it may (Info.MayRunOut): a job that has ended, or crashed
	EndBroken   Ending = "broken"  // Break took it from its holder
)

// maxHistory is longer than any history that a manager writes.
const maxHistory = 1 << 10

const (
	betweenTerms = "; "
	stampForm    = "20060102T150405Z"
	noStamp      = "-"
)

// Terms returns the terms, the latest first; nil if the text is not a history.
func (h History) Terms() []PastTerm {
	if h == "" || len(h) > maxHistory {
		return nil
	}
	var terms []PastTerm
	for text := range strings.SplitSeq(string(h), betweenTerms) {
		t, err := parseTerm(text)
		if err != nil {
			return nil
		}
		terms = append(terms, t)
	}
	return terms
}

// Terms returns the terms that a look at a lease shows, the latest first: the one by whose record the lease is held, or was last,
// and those of the history. A term that goes on has no How.
func (i Info) Terms() []PastTerm {
	if i.Token == 0 || i.NoTerm {
		return i.History.Terms()
	}
	latest := PastTerm{Token: i.Token, Holder: i.Holder, Begun: i.Acquired}
	switch {
	case i.Broken:
		latest.How = EndBroken
	case i.State == Free:
		latest.How, latest.Ended = EndReleased, i.Renewed
	case i.State == Expired:
		latest.How, latest.Ended = endOf(i.MayRunOut()), ranOut(i.Renewed, i.Length)
	}
	return append([]PastTerm{latest}, i.History.Terms()...)
}

// MayRunOut reports whether the holder may let a lease that is held run out by now, or may have let one run out that is expired, by its own
// word (Request.HoldAtLeast): nothing shows then whether it is a job that has ended, or one that has crashed. It is false for a holder that
// has renewed the lease for longer than it would keep a lease that it leaves: that one would release it.
func (i Info) MayRunOut() bool {
	return i.State != Free && !i.Broken && mayRunOut(i.HoldAtLeast, i.Length, i.Acquired, i.Renewed)
}

func (c cell) mayRunOut() bool { return mayRunOut(c.HoldAtLeast, c.Length, c.Acquired, c.Renewed) }

// mayRunOut goes by two times of the holder's clock. A holder that leaves the lease writes it within a length more at most: what a
// renewal had not carried yet.
func mayRunOut(hold, length time.Duration, acquired, renewed time.Time) bool {
	return hold > 0 && (acquired.IsZero() || renewed.IsZero() || renewed.Sub(acquired)-length <= hold)
}

// endOf returns how a term ended whose lease has run out.
func endOf(may bool) Ending {
	if may {
		return EndLeft
	}
	return EndExpired
}

// ranOut returns when a lease ran out that was last renewed then; zero if that is unknown.
func ranOut(renewed time.Time, length time.Duration) time.Time {
	if renewed.IsZero() {
		return renewed
	}
	return renewed.Add(length)
}

// After returns the history with one more term, the latest. If h is not a history, or is too long for one, the new
// history begins with that term.
func (h History) After(ended PastTerm) History {
	text := ended.text()
	if h.Terms() != nil {
		text += betweenTerms + string(h)
	}
	return History(text).Fit(maxHistory)
}

// Fit returns the history without its oldest terms, so that it has at most so many bytes.
func (h History) Fit(room int) History {
	for len(h) > max(room, 0) {
		h = h[:max(strings.LastIndex(string(h), betweenTerms), 0)]
	}
	return h
}

// text returns the term as it stands in a history. The holder comes last, and is escaped as in a URL's query.
func (t PastTerm) text() string {
	return fmt.Sprintf("%d %s %s %s %s", t.Token, t.How, stampText(t.Begun), stampText(t.Ended), url.QueryEscape(t.Holder))
}

func stampText(t time.Time) string {
	if year := t.UTC().Year(); t.IsZero() || year < 1 || year > 9999 {
		return noStamp
	}
	return t.UTC().Format(stampForm)
}

func parseTerm(text string) (t PastTerm, err error) {
	parts := strings.Split(text, " ")
	if len(parts) != 5 || parts[1] == "" {
		return t, fmt.Errorf("%w: %.40q is no past term", ErrRecord, text)
	}
	t.How = Ending(parts[1])
	if t.Token, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return t, err
	}
	if t.Begun, err = parseStamp(parts[2]); err != nil {
		return t, err
	}
	if t.Ended, err = parseStamp(parts[3]); err != nil {
		return t, err
	}
	t.Holder, err = url.QueryUnescape(parts[4])
	return t, err
}

func parseStamp(text string) (time.Time, error) {
	if text == noStamp {
		return time.Time{}, nil
	}
	return time.Parse(stampForm, text)
}
