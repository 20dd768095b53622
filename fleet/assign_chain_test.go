package fleet

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// In random stories of a fleet, every step of assign keeps every rule (checkStep). No part is worked on twice (FS1), tokens go up
// (FS2), and in the end each part is with one node.
func TestAssignInRandomStories(t *testing.T) {
	t.Parallel()
	seed, begun, moves := newSeed(t), 0, 0
	for n := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, n))
		c := newChain(t, rng.IntN)
		c.check = func(base, next *plan, unplaced []string, s situation) { checkStep(t, rng, base, next, unplaced, s) }
		for range rng.IntN(150) {
			c.step()
		}
		requireSettled(t, c)
		begun, moves = begun+c.begun, moves+c.moves
		require.False(t, t.Failed(), "story %d", n)
	}
	t.Logf("%d parts given, %d works begun", moves, begun)
	require.Greater(t, begun, 500, "the stories are too quiet")
}

// Safety does not depend on where parts go.
func TestRandomAssignIsSafe(t *testing.T) {
	t.Parallel()
	seed, begun := newSeed(t), 0
	for n := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, n))
		c := newChain(t, rng.IntN)
		c.planner = func(base *plan, s situation) (*plan, []string) { return randomAssign(rng, base, s) }
		c.check = func(base, next *plan, _ []string, s situation) { checkSafety(t, base, next, s) }
		for range rng.IntN(150) {
			c.step()
		}
		c.planner = assign // which has to cope with what it finds
		requireSettled(t, c)
		begun += c.begun
		require.False(t, t.Failed(), "story %d", n)
	}
	require.Greater(t, begun, 500, "the stories are too quiet")
}

// requireSettled ends a story: what is listed is worked on by its owner, if anybody has room, and nothing else is.
func requireSettled(t *testing.T, c *chain) {
	s := c.settle()
	able := 0
	for _, n := range c.nodes {
		if !n.Draining {
			able++
		}
		for part, w := range n.works {
			e, _ := c.base.find(part)
			require.Equal(t, entry{Part: part, Owner: n.session, Token: w.token}, e)
		}
	}
	require.Len(t, c.base.Parts, len(listOf(c.base, s)))
	_, unplaced := assign(c.base, s)
	working := 0
	for _, e := range c.base.Parts {
		require.True(t, e.From.nobody(), "part %s still waits for %v", e.Part, e.From)
		if !e.Owner.nobody() {
			working++
		}
	}
	require.Equal(t, len(c.base.Parts), working+len(unplaced))
	if able == 0 {
		require.Zero(t, working)
	}
}

// FuzzAssign has a fuzzer tell the story.
func FuzzAssign(f *testing.F) {
	f.Add([]byte{3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	for n := range uint64(3) {
		rng := rand.New(rand.NewPCG(1, n))
		story := make([]byte, 200)
		for i := range story {
			story[i] = byte(rng.IntN(256))
		}
		f.Add(story)
	}
	f.Fuzz(func(t *testing.T, story []byte) {
		choose := func(n int) int {
			if len(story) == 0 {
				return 0
			}
			b := story[0]
			story = story[1:]
			return int(b) % n
		}
		c := newChain(t, choose)
		rng := rand.New(rand.NewPCG(uint64(len(story)), 0))
		c.check = func(base, next *plan, unplaced []string, s situation) { checkStep(t, rng, base, next, unplaced, s) }
		for len(story) > 0 {
			c.step()
		}
		requireSettled(t, c)
	})
}
