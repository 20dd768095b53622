package experiment

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/examples/catchup/events"
)

// sound is evidence of a run in which all went well: three events, in two terms.
func sound(t *testing.T) evidence {
	all := []events.Event{{Position: 1, Customer: "Ada", Cents: 5}, {Position: 2, Customer: "Ben", Cents: 7}, {Position: 4, Customer: "Ada", Cents: -2}}
	e := evidence{
		events: all, position: 4, documents: map[int64]string{},
		lines: []line{{all[0], 5, 1}, {all[1], 7, 2}, {all[2], 3, 2}},
		followers: map[string]follower{
			"a": {events: []events.Event{all[0], all[2]}, puts: []put{{1, 1}, {4, 1}, {1, 1}, {4, 2}}, checkpoint: 4}, // a work was begun again
			"b": {events: []events.Event{all[1]}, puts: []put{{2, 3}, {2, 4}}, checkpoint: 2},
			"c": {},
		},
		workedOn: map[term][]string{{"a", 1}: {"a"}, {"b", 1}: {"b"}},
	}
	for _, event := range all {
		text, err := json.Marshal(event)
		require.NoError(t, err)
		e.documents[event.Position] = string(text)
	}
	return e
}

// puts changes what was put under a lease.
func puts(lease string, all ...put) func(*evidence) {
	return func(e *evidence) {
		f := e.followers[lease]
		f.puts = all
		e.followers[lease] = f
	}
}

// Each rule finds what breaks it.
func TestVerify(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		broken []string // the beginning of each rule that is broken, in their order
		change func(*evidence)
	}{
		{"nothing", nil, func(*evidence) {}},
		{"no events", []string{"there are events"}, func(e *evidence) { *e = evidence{} }},
		{"an event that is passed over", []string{"search: no event is passed over"}, puts("a", put{4, 1}, put{1, 1}, put{4, 1})},
		{"an event of another partition", []string{"search: no event is passed over"}, puts("a", put{1, 1}, put{2, 1}, put{4, 1})},
		{"a document of an older term", []string{"search: no document of an older term"}, puts("b", put{2, 4}, put{2, 3})},
		{"two nodes with one token", []string{"search: no two nodes"}, func(e *evidence) { e.workedOn[term{"b", 1}] = []string{"a", "b"} }},
		{"an event twice", []string{"statement: every event", "statement: every balance"}, func(e *evidence) {
			e.lines = slices.Insert(e.lines, 1, e.lines[0])
		}},
		{"an event left out", []string{"statement: every event"}, func(e *evidence) { e.lines = slices.Delete(e.lines, 1, 2) }},
		{"the last event left out", []string{"statement: every event", "statement: its position"}, func(e *evidence) { e.lines = e.lines[:2] }},
		{"an event that nobody appended", []string{"statement: every event", "statement: its position"}, func(e *evidence) {
			e.lines = append(e.lines, line{events.Event{Position: 5, Customer: "Eva", Cents: 1}, 1, 2})
		}},
		{"another order", []string{"statement: every event"}, func(e *evidence) {
			e.lines[0], e.lines[1] = e.lines[1], e.lines[0]
			e.lines[0].token, e.lines[1].token = 1, 2
		}},
		{"an older term after a newer one", []string{"statement: no line"}, func(e *evidence) { e.lines[2].token = 1 }},
		{"a position that moved back", []string{"statement: its position"}, func(e *evidence) { e.position = 2 }},
		{"a wrong balance", []string{"statement: every balance"}, func(e *evidence) { e.lines[2].balance++ }},
		{"no document", []string{"search: every event"}, func(e *evidence) { delete(e.documents, 2) }},
		{"another document", []string{"search: every event"}, func(e *evidence) { e.documents[2] = e.documents[1] }},
		{"a document of no event", []string{"search: every event"}, func(e *evidence) { e.documents[3] = "" }},
		{"a checkpoint that moved back", []string{"search: its checkpoint"}, func(e *evidence) {
			f := e.followers["a"]
			f.checkpoint = 1
			e.followers["a"] = f
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := sound(t)
			e.lines, e.documents = slices.Clone(e.lines), maps.Clone(e.documents)
			test.change(&e)
			var broken []string
			for _, f := range append(e.verifyStatement(), e.verifyIndex()...) {
				if f.err != nil {
					broken = append(broken, f.rule)
				}
			}
			require.Len(t, broken, len(test.broken), broken)
			for n, rule := range test.broken {
				require.Contains(t, broken[n], rule)
			}
		})
	}
}
