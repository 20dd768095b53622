package leaderui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// mostStreams is how many browsers may follow at once. More reload the page.
	mostStreams = 200
	// beat is how often a stream sends something: a proxy may close one that is silent, and what depends on the time alone changes.
	beat = 5 * time.Second
	// stall is how long a browser may take to read.
	stall = 20 * time.Second
)

// A patch is the JSON that changes a page: the fields are short, since it is sent often.
type patch struct {
	Now  int64                `json:"now"`            // milliseconds since 1970, by the clock of the times in the page
	Set  map[string]string    `json:"set,omitempty"`  // by ID: items as they look now
	List map[string][]string  `json:"list,omitempty"` // by ID: the items of a list, in their order
	Left map[string][2]string `json:"left,omitempty"` // by ID: how many seconds are left of the bar, and its length
}

// A follower knows what a browser shows.
type follower struct {
	marks map[string]uint64
	ends  map[string]time.Time
	lists map[string]string // by ID: a text that stands for its items
}

func newFollower() *follower {
	return &follower{map[string]uint64{}, map[string]time.Time{}, map[string]string{}}
}

// patch returns the difference between what the browser shows and a view, and remembers the view.
func (f *follower) patch(v view) (patch, error) {
	p := patch{Now: v.now.UnixMilli(), Set: map[string]string{}, List: map[string][]string{}, Left: map[string][2]string{}}
	next := newFollower()
	err := f.walk(v.lists, v.now, false, &p, next)
	*f = *next
	return p, err
}

// walk compares lists. Those within an item that is sent as a whole need not be sent.
func (f *follower) walk(lists []list, now time.Time, sent bool, p *patch, next *follower) error {
	for _, l := range lists {
		ids := make([]string, len(l.Items))
		for n, i := range l.Items {
			ids[n] = i.ID
			set, err := f.compare(i, now, sent, p, next)
			if err == nil {
				err = f.walk(i.Lists, now, sent || set, p, next)
			}
			if err != nil {
				return err
			}
		}
		next.lists[l.ID] = key(strings.Join(ids, " "))
		if f.lists[l.ID] != next.lists[l.ID] && !sent {
			p.List[l.ID] = ids
		}
	}
	return nil
}

// compare puts an item into the patch if it looks different. It reports whether it did.
func (f *follower) compare(i item, now time.Time, sent bool, p *patch, next *follower) (set bool, err error) {
	mark := i.mark()
	next.marks[i.ID], next.ends[i.ID] = mark, i.Ends
	known, ok := f.marks[i.ID]
	switch {
	case sent:
	case !ok || known != mark:
		var b bytes.Buffer
		err = i.show(&b, now)
		p.Set[i.ID], set = b.String(), true
	case !i.Ends.Equal(f.ends[i.ID]):
		p.Left[i.ID] = [2]string{leftText(i.Ends, now), shown{i, now}.Length()}
	}
	return set, err
}

// events sends a patch for each look that shows something new, until the browser goes away. HEAD is answered as GET is, and ends at once: its
// answer has no body, so nobody would see that it goes on.
func (u *UI) events(w http.ResponseWriter, r *http.Request) {
	leave, ok := u.reader.watch()
	if !ok {
		refuse(w, http.StatusServiceUnavailable, "too many browsers follow: reload the page instead")
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep it back
	if r.Method == http.MethodHead {
		return
	}
	out, f, q := http.NewResponseController(w), newFollower(), queryOf(r.URL.Query())
	_ = out.SetReadDeadline(time.Time{}) // the server's own is for the request
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		_, _, news := u.reader.latest()
		p, err := f.patch(u.view(q))
		if err != nil {
			return
		}
		data, err := json.Marshal(p)
		if err != nil {
			return
		}
		_ = out.SetWriteDeadline(time.Now().Add(stall)) // an error: then the server's own limits hold
		if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-news:
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-u.reader.over:
			return
		}
	}
}
