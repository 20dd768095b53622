package fleet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// F3a: what a look at the seat of session 1.5 proves. Tokens are compared before states, and one that has run out proves nothing: a renewal that is
// under way may still arrive.
func TestF3a_WhatALookProves(t *testing.T) {
	t.Parallel()
	for _, look := range []struct {
		token  uint64
		state  lease.State
		broken bool
		over   bool
	}{
		{token: 5, state: lease.Held},
		{token: 5, state: lease.Expired},
		{token: 5, state: lease.Free, over: true},
		{token: 6, state: lease.Held, over: true},
		{token: 6, state: lease.Expired, over: true},
		{token: 6, state: lease.Free, over: true},
		{token: 4, state: lease.Held},
		{token: 4, state: lease.Expired},
		{token: 4, state: lease.Free},
		{token: 0, state: lease.Free},
		{token: 6, state: lease.Held, broken: true},
		{token: 6, state: lease.Expired, broken: true},
		{token: 5, state: lease.Free, broken: true},
	} {
		f, s := newFacts(), session{1, 5}
		f.sees(s, lease.Info{Token: look.token, State: look.state, Broken: look.broken})
		require.Equal(t, look.over, f.isOver(s), "%+v", look)
		require.Equal(t, look.over, f.stopped(s, "a", 7), "%+v", look)
	}
}
