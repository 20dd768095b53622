package linearize

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// scripted is a store whose cell is as a step says, and whose writes fail as it says. So the checkpoint is answered what a step
// wants, whatever has happened.
type scripted struct {
	t      *testing.T
	client *Checkpoints
	opened map[string]*Opened

	record map[string]any // in the cell; nil: there is none
	unread error          // of Load
	failed error          // of Swap
}

func (s *scripted) Load(context.Context, string) (lease.Snapshot, error) {
	if s.record == nil || s.unread != nil {
		return lease.Snapshot{}, s.unread
	}
	data, err := json.Marshal(s.record)
	return lease.Snapshot{Data: data, Version: "v"}, err
}

func (s *scripted) Swap(_ context.Context, _ string, _ lease.Version, data []byte) (lease.Version, error) {
	if s.failed == nil {
		require.NoError(s.t, json.Unmarshal(data, &s.record))
	}
	return "v", s.failed
}

// holds makes the cell one of a claim by somebody, or of what was there before.
func (s *scripted) holds(token uint64, value string) {
	s.record = map[string]any{"kind": "checkpoint", "format": 1, "lease": "orders", "token": token, "writer": "somebody", "count": 0}
	if value != "" {
		s.record["value"] = value
	}
	if token == 0 {
		s.record = nil
	}
}

type checkpointSteps []func(*scripted)

// opens answers an Open with a value, under the last token that the cell shows.
func opens(writer string, token uint64, value string) func(*scripted) {
	return func(s *scripted) {
		s.holds(min(token, 1), value)
		s.failed, s.unread = nil, nil
		o, err := s.client.Open(s.t.Context(), "x", writer, token)
		require.NoError(s.t, err)
		s.opened[writer] = o
	}
}

func opensFirst(writer string) func(*scripted) {
	return func(s *scripted) {
		s.record = nil
		s.failed, s.unread = nil, nil
		o, err := s.client.Open(s.t.Context(), "x", writer, 1)
		require.NoError(s.t, err)
		s.opened[writer] = o
	}
}

func opensInVain(writer string, token, greater uint64) func(*scripted) {
	return func(s *scripted) {
		s.holds(greater, "")
		s.failed, s.unread = nil, nil
		_, err := s.client.Open(s.t.Context(), "x", writer, token)
		require.ErrorIs(s.t, err, lease.ErrInvalid)
	}
}

func opensUnclear(writer string, token uint64) func(*scripted) {
	return func(s *scripted) {
		s.failed, s.unread = errUnclear, errUnclear
		_, err := s.client.Open(s.t.Context(), "x", writer, token)
		require.ErrorIs(s.t, err, errUnclear)
	}
}

// saves is answered by what the store says: done, unclear, or lost to somebody.
func saves(writer, value string, err error) func(*scripted) {
	return func(s *scripted) {
		s.failed, s.unread = err, err
		if err == lease.ErrLost {
			s.holds(1, "")
			s.failed, s.unread = lease.ErrConflict, nil
		}
		require.ErrorIs(s.t, s.client.Save(s.t.Context(), s.opened[writer], value), err)
	}
}

func resets(writer, value string, err error) func(*scripted) {
	return func(s *scripted) {
		s.holds(1, "")
		s.failed, s.unread = err, nil
		require.ErrorIs(s.t, s.client.Reset(s.t.Context(), "x", writer, value), err)
	}
}

func shows(token uint64, value string) func(*scripted) {
	return func(s *scripted) {
		s.holds(token, value)
		s.unread = nil
		require.NoError(s.t, s.client.Inspect(s.t.Context(), "x"))
	}
}

func TestCheckpointModel(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		steps checkpointSteps
		wrong bool
	}{
		"sound":                              {steps: checkpointSteps{shows(0, ""), opensFirst("a"), shows(1, ""), saves("a", "v", nil), shows(1, "v"), opens("b", 2, "v"), shows(2, "v")}},
		"it is gone":                         {steps: checkpointSteps{opensFirst("a"), shows(0, "")}, wrong: true},
		"K1: an older value is handed out":   {steps: checkpointSteps{opensFirst("a"), saves("a", "v", nil), opens("b", 2, "")}, wrong: true},
		"K1: the old term moves it":          {steps: checkpointSteps{opensFirst("a"), opens("b", 2, ""), saves("a", "v", nil)}, wrong: true},
		"the old term is told so":            {steps: checkpointSteps{opensFirst("a"), opens("b", 2, ""), saves("a", "v", lease.ErrLost), shows(2, "")}},
		"told so, and it is not":             {steps: checkpointSteps{opensFirst("a"), saves("a", "v", lease.ErrLost)}, wrong: true},
		"told so, and it moves it":           {steps: checkpointSteps{opensFirst("a"), opens("b", 2, ""), saves("a", "v", lease.ErrLost), shows(2, "v")}, wrong: true},
		"a lesser token is refused":          {steps: checkpointSteps{opensFirst("a"), opens("b", 3, ""), opensInVain("c", 2, 3)}},
		"a lesser token is not":              {steps: checkpointSteps{opensFirst("a"), opens("b", 3, ""), opens("c", 2, "")}, wrong: true},
		"a token is refused that is greater": {steps: checkpointSteps{opensFirst("a"), opensInVain("c", 2, 3)}, wrong: true},
		"a claim that may come":              {steps: checkpointSteps{opensFirst("a"), opensUnclear("b", 2), saves("a", "v", nil), saves("a", "w", lease.ErrLost), shows(2, "v")}},
		"a claim that comes and goes":        {steps: checkpointSteps{opensFirst("a"), opensUnclear("b", 2), saves("a", "v", lease.ErrLost), saves("a", "w", nil)}, wrong: true},
		"a save that may come":               {steps: checkpointSteps{opensFirst("a"), saves("a", "v", errUnclear), shows(1, ""), shows(1, "v")}},
		"a save that comes and goes":         {steps: checkpointSteps{opensFirst("a"), saves("a", "v", errUnclear), shows(1, "v"), shows(1, "")}, wrong: true},
		"K2: a save comes after a later one": {steps: checkpointSteps{opensFirst("a"), saves("a", "v", errUnclear), saves("a", "w", nil), shows(1, "v")}, wrong: true},
		"K2: a save comes after a claim":     {steps: checkpointSteps{opensFirst("a"), saves("a", "v", errUnclear), opens("b", 2, ""), shows(2, "v")}, wrong: true},
		"a reset":                            {steps: checkpointSteps{opensFirst("a"), resets("r", "v", nil), shows(1, "v"), saves("a", "w", lease.ErrLost)}},
		"a reset that nobody sees":           {steps: checkpointSteps{opensFirst("a"), resets("r", "v", nil), shows(1, "")}, wrong: true},
		"a reset that may come":              {steps: checkpointSteps{opensFirst("a"), resets("r", "v", errUnclear), saves("a", "w", nil), shows(1, "v")}},
		"a save after a reset":               {steps: checkpointSteps{opensFirst("a"), resets("r", "v", nil), saves("a", "w", nil)}, wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{t: t, opened: map[string]*Opened{}}
				s.client = &Checkpoints{History: NewHistory[Position](), Manager: lease.NewManager(s)}
				defer s.client.Close()
				for _, step := range test.steps {
					time.Sleep(time.Nanosecond) // else successive calls would be concurrent
					step(s)
				}
				verdict(t, s.client.History.Check(0, t.TempDir()), test.wrong)
			})
		})
	}
}
