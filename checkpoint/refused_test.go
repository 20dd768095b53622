package checkpoint_test

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
)

// cell returns what the store has of the checkpoint.
func (p *place) cell() lease.Snapshot {
	p.Helper()
	s, err := p.store.Store.Load(p.Context(), lease.CheckpointPrefix+name)
	require.NoError(p, err)
	return s
}

// put writes the checkpoint's cell by hand.
func (p *place) put(data string) {
	p.Helper()
	_, err := p.store.Store.Swap(p.Context(), lease.CheckpointPrefix+name, p.cell().Version, []byte(data))
	require.NoError(p, err)
}

// A value that is accepted can be written, by this term and by each later one; a byte more is refused at once.
func TestTheLongestValue(t *testing.T) {
	p := newPlace(t)
	ctx, _ := p.term(math.MaxUint64)
	cp, err := checkpoint.Open[string](ctx, p.manager(), name)
	require.NoError(t, err)
	text := func(n int) string { return strings.Repeat("x", n) }
	most := sort.Search(lease.MaxCell, func(n int) bool { return cp.Note(text(n)) != nil }) - 1
	require.NoError(t, cp.Note(text(most)))
	require.NoError(t, cp.Flush(ctx))
	const digits = len("18446744073709551615") // of the largest count; this one has one
	require.Len(t, p.cell().Data, lease.MaxCell-(digits-1), "no byte is left")

	p.store.sent()
	says := fmt.Sprintf(`invalid lease request: the value has %d bytes in JSON, and a checkpoint of lease "orders" has room for %d`, most+3, most+2)
	for tried, err := range map[string]error{"note": cp.Note(text(most + 1)), "save": cp.Save(ctx, text(most+1))} {
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, `: `+tried+` checkpoint "orders-projection": `+says)
	}
	loads, swaps := p.store.sent()
	require.Zero(t, loads+swaps, "nothing is sent")

	reset := func(n int, opts ...checkpoint.ResetOption) error {
		return checkpoint.Reset(t.Context(), p.manager(), name, text(n), opts...)
	}
	require.ErrorContains(t, reset(most+1), says)
	require.ErrorContains(t, reset(most, checkpoint.For("orders2", 0)), fmt.Sprintf("has room for %d", most+1), "its name is a byte longer")
	require.NoError(t, reset(most, checkpoint.For("orders", 0)))
	again, err := checkpoint.Open[string](ctx, p.manager(), name)
	require.NoError(t, err, "the claim of a term with any token has room")
	require.Len(t, again.Value(), most)
	require.NoError(t, again.Save(ctx, text(most)))
}

// A value that says by itself how it is written may be no text.
func TestAValueThatIsNoText(t *testing.T) {
	p := newPlace(t)
	ctx, _ := p.term(1)
	cp, err := checkpoint.Open[json.RawMessage](ctx, p.manager(), name)
	require.NoError(t, err)
	for _, err := range []error{
		cp.Note([]byte("\"\xff\"")), cp.Save(ctx, []byte("\"\xff\"")), checkpoint.Reset(ctx, p.manager(), name, json.RawMessage("\"\xff\"")),
	} {
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, "the value is not UTF-8")
	}
}

// Reset refuses what is wrong with its options before it sends anything, and says what it is.
func TestReset_Refuses(t *testing.T) {
	p := newPlace(t)
	p.open(1)
	p.store.sent()
	for says, opts := range map[string][]checkpoint.ResetOption{
		"an option is nil":  {nil},
		"an option is nil ": {checkpoint.For("orders", 0), nil},
		`For: invalid lease request: the name "a\nb" has the control character U+000A`: {checkpoint.For("a\nb", 0)},
		"For: invalid lease request: the name is empty":                                {checkpoint.For("", 7)},
	} {
		err := checkpoint.Reset(t.Context(), p.manager(), name, 3, opts...)
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, `: reset checkpoint "orders-projection": `)
		require.ErrorContains(t, err, strings.TrimSpace(says))
	}
	loads, swaps := p.store.sent()
	require.Zero(t, loads+swaps, "nothing is sent")
}

// An error says what was tried.
func TestRefusedNames(t *testing.T) {
	p := newPlace(t)
	ctx, _ := p.term(1)
	for _, bad := range []string{"", "\n", strings.Repeat("x", 250)} {
		_, opened := checkpoint.Open[int](ctx, p.manager(), bad)
		_, inspected := checkpoint.Inspect[int](ctx, p.manager(), bad)
		for tried, err := range map[string]error{
			"open": opened, "inspect": inspected, "reset": checkpoint.Reset(ctx, p.manager(), bad, 1, checkpoint.For("orders", 0)),
		} {
			require.ErrorIs(t, err, lease.ErrInvalid)
			require.ErrorContains(t, err, fmt.Sprintf(": %s checkpoint %q: ", tried, bad))
		}
	}
}

// What a newer program wrote is never overwritten, also not by hand; what is damaged is, if somebody says whose it is.
func TestANewerFormatIsKept(t *testing.T) {
	p := newPlace(t)
	const newer = `{"kind":"checkpoint","format":2,"lease":["orders"],"token":{"at":7}}`
	p.put(newer)
	ctx, _ := p.term(1)
	_, opened := checkpoint.Open[int](ctx, p.manager(), name)
	_, inspected := checkpoint.Inspect[int](ctx, p.manager(), name)
	for _, err := range []error{
		opened, inspected, checkpoint.Reset(ctx, p.manager(), name, 1), checkpoint.Reset(ctx, p.manager(), name, 1, checkpoint.For("orders", 0)),
	} {
		require.ErrorIs(t, err, checkpoint.ErrNewer)
		require.ErrorIs(t, err, lease.ErrRecord)
		require.ErrorContains(t, err, "its format is 2, and this program reads up to 1: update this program")
	}
	require.Equal(t, newer, string(p.cell().Data))

	p.put("damaged")
	require.ErrorContains(t, checkpoint.Reset(ctx, p.manager(), name, 1), "say so with For")
	require.NoError(t, checkpoint.Reset(ctx, p.manager(), name, 1, checkpoint.For("orders", 0)))
	require.Equal(t, 1, p.stored())
}
