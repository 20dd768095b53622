package leaderui

import (
	"bytes"
	_ "embed"
	"fmt"
	"hash/fnv"
	"html/template"
	"strconv"
	"time"
)

// An item is a piece of the page that can be sent alone: a row, a line.
type item struct {
	ID    string // of its element: unique in the page
	Kind  string // the template that shows it
	Data  any    // what it shows; two items with equal Data look the same, but for a bar that runs, and for the items in its lists
	Ends  time.Time
	Of    time.Duration // the whole length of the bar that runs until Ends
	Lists []list        // within it
}

// A list is an element of the page with items.
type list struct {
	ID    string
	Items []item
}

// mark returns a number that differs if the item looks different.
func (i item) mark() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %+v", i.Kind, i.Data)
	for _, l := range i.Lists {
		fmt.Fprint(h, " ", l.ID)
	}
	return h.Sum64()
}

//go:embed page.html
var pageHTML string

// A template gets a shown item.
type shown struct {
	item
	now time.Time
}

// Version tells the browser whether it has this item already.
func (s shown) Version() string { return strconv.FormatUint(s.mark(), 36) }

// Left is how much of the bar is left, in seconds; empty if there is none.
func (s shown) Left() string { return leftText(s.Ends, s.now) }

// Length is the whole of the bar, in seconds.
func (s shown) Length() string { return strconv.FormatFloat(s.Of.Seconds(), 'f', 1, 64) }

// Share is how much of the bar is left, of 100.
func (s shown) Share() string {
	return strconv.FormatFloat(100*min(max(s.Ends.Sub(s.now), 0), s.Of).Seconds()/max(s.Of.Seconds(), 0.001), 'f', 0, 64)
}

// Low reports whether so little of the bar is left that a holder which renews in time would have renewed. page.js has the same.
func (s shown) Low() bool { return s.Ends.Sub(s.now) < s.Of/lowPart }

const lowPart = 4

// Rest is how much is left, for people.
func (s shown) Rest() string { return duration(s.Ends.Sub(s.now) + time.Second - 1) }

// List shows the items of one of its lists.
func (s shown) List(n int) (template.HTML, error) {
	var b bytes.Buffer
	for _, i := range s.Lists[n].Items {
		if err := i.show(&b, s.now); err != nil {
			return "", err
		}
	}
	return template.HTML(b.Bytes()), nil // templates made it
}

// Ago returns the time since a moment, as an element that goes on counting.
func (s shown) Ago(t time.Time) template.HTML {
	if t.IsZero() {
		return "a time that is not known"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" data-since="%d" title="%s">%s</time>`,
		t.UTC().Format(time.RFC3339), t.UnixMilli(), clock(t), duration(s.now.Sub(t))))
}

func (i item) show(b *bytes.Buffer, now time.Time) error {
	return templates.ExecuteTemplate(b, i.Kind, shown{i, now})
}

func leftText(ends, now time.Time) string {
	if ends.IsZero() {
		return ""
	}
	return strconv.FormatFloat(max(ends.Sub(now), 0).Seconds(), 'f', 1, 64)
}

var templates = template.Must(template.New("page").Funcs(template.FuncMap{"clock": clock, "count": count, "number": number, "duration": duration}).Parse(pageHTML))
