package linearize

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Errors that Check returns, wrapped.
var (
	ErrWrong     = errors.New("no order of the calls explains their answers")
	ErrUndecided = errors.New("not decided in time")
)

// An op is an effect, as the checker takes it.
type op[S comparable] struct {
	effect[S]
	name string
	over bool // it is the end of the history
}

// A state is the state of a name, and whether the history is over. Effects that may not have happened can be skipped only when
// it is over, so the checker need not try every order of operations that do nothing.
type state[S comparable] struct {
	is   S
	over bool
}

func (o op[S]) step(s state[S]) (bool, state[S]) {
	switch {
	case o.over:
		return true, state[S]{s.is, true}
	case s.over:
		return true, s // all answered calls have returned before the end
	}
	next, ok := o.apply(s.is)
	return ok, state[S]{next, false}
}

func model[S comparable]() porcupine.Model {
	return porcupine.Model{
		Partition: byName[S],
		Init:      func() any { return state[S]{} },
		Step:      func(s, input, _ any) (bool, any) { return input.(op[S]).step(s.(state[S])) },
		DescribeOperation: func(input, _ any) string {
			return input.(op[S]).text
		},
		DescribeState: func(s any) string { return fmt.Sprintf("%+v", s.(state[S]).is) },
	}
}

func byName[S comparable](all []porcupine.Operation) [][]porcupine.Operation {
	names := map[string][]porcupine.Operation{}
	for _, o := range all {
		name := o.Input.(op[S]).name
		names[name] = append(names[name], o)
	}
	var parts [][]porcupine.Operation
	for _, part := range names {
		parts = append(parts, part)
	}
	return parts
}

// operations returns the calls that were invoked by the given time, as an observer at that time knows them: a call that has
// not returned has an unknown outcome. If a history is linearizable, so is its beginning up to any time.
func (h *History[S]) operations(calls []call[S], until time.Duration) []porcupine.Operation {
	var all []porcupine.Operation
	rows, names := h.rows, map[string]bool{}
	for _, c := range calls {
		if c.start > until {
			continue
		}
		names[c.name] = true
		effects, end := c.answered, c.end
		if effects == nil || end > until {
			effects, end = c.unanswered, never
		}
		row := c.client
		for i, e := range effects {
			if i > 0 {
				row, rows = rows, rows+1 // as operations in one row may not overlap
			}
			all = append(all, porcupine.Operation{
				ClientId: row, Input: op[S]{effect: e, name: c.name}, Call: int64(c.start), Return: int64(end),
			})
		}
	}
	for name := range names {
		all = append(all, porcupine.Operation{
			ClientId: rows, Input: op[S]{effect: effect[S]{text: "the end"}, name: name, over: true},
			Call: int64(never - 1), Return: int64(never - 1),
		})
	}
	return all
}

// Check returns nil if some order of the calls explains every answer. If there is none, the error is an ErrWrong, with the
// calls until the first answer that cannot be explained. If the limit ends the search, it is an ErrUndecided, which does not
// mean that there is an order. Either error names a file with Porcupine's picture of the whole, kept below dir; if dir is
// empty, below the system's directory for temporary files. No call may be under way.
func (h *History[S]) Check(limit time.Duration, dir string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.wrong) > 0 {
		return fmt.Errorf("%w:\n%s", ErrWrong, strings.Join(h.wrong[:min(len(h.wrong), 10)], "\n"))
	}
	result, info := porcupine.CheckOperationsVerbose(model[S](), h.operations(h.calls, never), limit)
	if result == porcupine.Ok {
		return nil
	}
	picture, err := draw[S](info, dir)
	if result == porcupine.Unknown {
		return errors.Join(fmt.Errorf("%w: %d calls, of which %d with an unknown outcome, in %v: make histories shorter; the picture is %s",
			ErrUndecided, len(h.calls), h.counts["unknown outcomes"], limit, picture), err)
	}
	return errors.Join(fmt.Errorf("%w; the picture is %s\n%s", ErrWrong, picture, h.shortest(limit)), err)
}

func draw[S comparable](info porcupine.LinearizationInfo, dir string) (file string, err error) {
	dir, err = os.MkdirTemp(dir, "linearize-")
	if err != nil {
		return "none", err
	}
	file = filepath.Join(dir, "history.html")
	return file, porcupine.VisualizePath(model[S](), info, file)
}

// shortest lists, for each name whose history is wrong, the calls until the first answer that cannot be explained.
func (h *History[S]) shortest(limit time.Duration) string {
	calls := slices.SortedFunc(slices.Values(h.calls), func(a, b call[S]) int { return cmp.Compare(a.start, b.start) })
	names := map[string][]call[S]{}
	for _, c := range calls {
		names[c.name] = append(names[c.name], c)
	}
	var text strings.Builder
	for name, calls := range names {
		wrong := func(until time.Duration) bool {
			return porcupine.CheckOperationsTimeout(model[S](), h.operations(calls, until), limit) == porcupine.Illegal
		}
		if !wrong(never) {
			continue
		}
		var ends []time.Duration
		for _, c := range calls {
			ends = append(ends, c.end)
		}
		slices.Sort(ends)
		until := ends[min(sort.Search(len(ends), func(i int) bool { return wrong(ends[i]) }), len(ends)-1)]
		fmt.Fprintf(&text, "%q, until the first answer that cannot be explained, which is the last to come:\n", name)
		for _, c := range calls {
			if c.start <= until {
				text.WriteString(c.line(until))
			}
		}
	}
	return text.String()
}

func (c call[S]) line(until time.Duration) string {
	text, end := c.text, fmt.Sprintf("%10.3f", c.end.Seconds())
	switch {
	case c.answered == nil:
		text += " (may have happened, or happen later)"
	case c.end > until:
		text, end = strings.SplitN(text, " = ", 2)[0]+" (under way)", "         -"
	}
	mark := ""
	if c.end == until {
		mark = "  <--"
	}
	return fmt.Sprintf("%10.3f %s  client %-3d %s%s\n", c.start.Seconds(), end, c.client, text, mark)
}
