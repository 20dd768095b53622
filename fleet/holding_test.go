package fleet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// The board shows what was stored last, though answers come late.
func TestBoard_AnswersComeLate(t *testing.T) {
	t.Parallel()
	type answer struct {
		token, number uint64
		value         string
		held          bool
	}
	for what, test := range map[string]struct {
		answers []answer
		shows   Holding
	}{
		"in order":             {[]answer{{1, 0, "", true}, {1, 1, "a", true}, {1, 2, "b", true}}, Holding{1, "b", true}},
		"an older value":       {[]answer{{1, 2, "b", true}, {1, 1, "a", true}}, Holding{1, "b", true}},
		"after the release":    {[]answer{{1, 2, "b", true}, {1, 2, "b", false}, {1, 2, "b", true}}, Holding{1, "b", false}},
		"a value, released":    {[]answer{{1, 1, "a", true}, {1, 2, "b", false}, {1, 1, "a", true}}, Holding{1, "b", false}},
		"of the term before":   {[]answer{{2, 0, "", true}, {1, 3, "c", true}, {1, 3, "c", false}}, Holding{2, "", true}},
		"a term after another": {[]answer{{1, 3, "c", false}, {2, 0, "c", true}}, Holding{2, "c", true}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := &board{}
			for _, a := range test.answers {
				b.post(lease.Lease{Name: "ships", Token: a.token, ValueNumber: a.number, Value: a.value}, a.held)
			}
			shows, _ := b.read("ships")
			require.Equal(t, test.shows, shows)
		})
	}
}
