package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// A plan is read as it was written, and the same plan has the same text.
func TestPlanIsReadAsWritten(t *testing.T) {
	t.Parallel()
	seed := newSeed(t)
	for n := range uint64(60) {
		p := randomPlan(rand.New(rand.NewPCG(seed, n)))
		text, err := encodePlan(p)
		require.NoError(t, err)
		read, err := decodePlan(text)
		require.NoError(t, err, text)
		requireSamePlan(t, p, read)
		again, err := encodePlan(read)
		require.NoError(t, err)
		require.Equal(t, text, again)
		epoch, ok := planEpoch(text)
		require.True(t, ok)
		require.Equal(t, p.Epoch, epoch)
	}
}

func requireSamePlan(t *testing.T, p, q *plan) {
	require.Equal(t, p.Epoch, q.Epoch)
	require.True(t, p.sameAs(q), "%+v\n%+v", p, q)
}

// A plan is known for one, however it is damaged, and no other value is.
func TestIsPlan(t *testing.T) {
	t.Parallel()
	text, err := encodePlan(randomPlan(rand.New(rand.NewPCG(newSeed(t), 0))))
	require.NoError(t, err)
	for _, value := range []string{text, text[:len(text)-1], text[:40], "x" + text, `{"kind":"fleet plan","format":99}`} {
		require.True(t, IsPlan(value), value)
	}
	for _, value := range []string{"", "7", "fleet plan", `{"kind":"fleet seat","format":1}`, `{"at":"fleet plan"}`} {
		require.False(t, IsPlan(value), value)
	}
}

// A plan that nobody could read is not written.
func TestEncodePlanRefuses(t *testing.T) {
	t.Parallel()
	for wrong, change := range invalid {
		p := small()
		change(p)
		_, err := encodePlan(p)
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, "the fleet's plan: ")
		require.ErrorContains(t, err, wrong)
	}
	vast := &plan{Epoch: 1, Width: 4}
	for n := range maxPacked / 200 {
		vast.Parts = append(vast.Parts, entry{Part: fmt.Sprintf("%0250d", n), Token: 1})
	}
	_, err := encodePlan(vast)
	require.ErrorContains(t, err, "before it is deflated, more than")
}

// Programs that know no pins read a plan without pins, which is byte for byte as they write it, and leave one with pins alone.
func TestPlanAsStored(t *testing.T) {
	t.Parallel()
	p := small()
	pinned, err := encodePlan(p)
	require.NoError(t, err)
	require.Equal(t, `{"kind":"fleet plan","format":2,"epoch":9,"width":4,"version":3,"seated":"1.17 2.5","parts":"HMVBEYAwDAXR3Z9EABKB1r+FzvT0GF8/f5e7sSuQCZRFgk8uAhg8AQAA//8","pins":"YmLLyC8u0TVkYGRMhDCNGBgZkwEBAAD//w","sum":"9e3061bf"}`, pinned)
	p.Pins = nil
	text, err := encodePlan(p)
	require.NoError(t, err)
	require.Equal(t, `{"kind":"fleet plan","format":1,"epoch":9,"width":4,"version":3,"seated":"1.17 2.5","parts":"HMVBEYAwDAXR3Z9EABKB1r+FzvT0GF8/f5e7sSuQCZRFgk8uAhg8AQAA//8","sum":"84517281"}`, text)
}

// Pins take a bounded part of the lease's value.
func TestPinsAreBounded(t *testing.T) {
	t.Parallel()
	p := &plan{Epoch: 1, Width: 4}
	for n := range 1000 {
		p.Parts = append(p.Parts, entry{Part: fmt.Sprintf("%04d", n), Token: 1})
		p.Pins = append(p.Pins, pin{p.Parts[n].Part, fmt.Sprint("node-", n%20)})
	}
	_, err := encodePlan(p)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range p.Pins {
		p.Pins[i].Node = fmt.Sprintf("%x%x", rng.Uint64(), rng.Uint64())
	}
	_, err = encodePlan(p)
	require.ErrorIs(t, err, lease.ErrInvalid)
	require.ErrorContains(t, err, "its pins take")

	var o Overview
	for _, p := range p.Pins {
		o.Parts = append(o.Parts, PartInfo{Part: p.Part, Pinned: p.Node})
	}
	require.ErrorContains(t, o.fits(pin{"0007", "node-b"}, lease.Wish{}), "its pins take", "Move says so at once")
	require.NoError(t, o.fits(pin{"0007", ""}, lease.Wish{}), "one less")
	o.Parts = o.Parts[:300]
	slices.Reverse(o.Parts)
	require.NoError(t, o.fits(pin{"0007", "node-b"}, lease.Wish{}))
}

// unchecked returns the text of a plan, valid or not.
func unchecked(t *testing.T, p *plan) string {
	parts, err := pack(packEntries(p))
	require.NoError(t, err)
	pins, err := pack(packPins(p.Pins))
	require.NoError(t, err)
	return sealed(t, planText{planHead, p.Epoch, p.Width, p.Version, words(p.Seated), parts, pins})
}

func sealed(t *testing.T, v any) string {
	text, err := seal(v)
	require.NoError(t, err)
	return text
}

// A text that says what no plan can say is refused, also with the right checksum. No error is taken for the lack of a plan.
func TestDecodePlanRefuses(t *testing.T) {
	t.Parallel()
	texts := []refused{
		{"unexpected end", `{"kind":"fleet plan"`},
		{"invalid character", "hello"},
		{"cannot unmarshal", `{"kind":"fleet plan","format":"1"}`},
		{"its kind is \"\", not", `{"position":7}`},
		{"its kind is \"fleet seat\"", sealed(t, seatText{head: seatHead, Token: 1})},
		{"it has no format number", `{"kind":"fleet plan"}`},
		{"format is 3, and this", sealed(t, planText{head: head{planHead.Kind, 3, ""}, Epoch: 7, Width: 4})},
		{"update the program", `{"kind":"fleet plan","format":99,"epoch":7,"more":[1,2]}`},
		{"its checksum is not", `{"kind":"fleet plan","format":1,"epoch":7,"width":4}`},
		{"unknown field \"tomorrow\"", sealed(t, tomorrow{planText{head: planHead, Epoch: 7, Width: 4}, "x"})},
		{"its parts: illegal base64", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Parts: "?"})},
		{"its parts: flate: corrupt", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Parts: "////"})},
		{"its parts: unexpected EOF", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Parts: "AA"})},
		{"its parts: it is more than", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Parts: packed(t, make([]byte, maxPacked+1))})},
		{"and 131072 at most", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Parts: packed(t, []byte{1, 0, 0xff, 0xff, 0xff, 0x7f})})},
		{"packed data are incomplete", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Parts: packed(t, []byte{1, 0, 5, 0, 1})})},
		{"1 bytes follow its packed", sealed(t, planText{head: planHead, Epoch: 9, Width: 4, Parts: packed(t, append(packEntries(small()), 0))})},
		{"it names one of none", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Parts: packed(t, []byte{1, 0, 5, 0, 0, 0, 0})})},
		{"part \"0\": a number is 5, and 0", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Parts: packed(t, []byte{1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 5})})},
		{"its pins: illegal base64", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Pins: "?"})},
		{"its pins: 1 bytes follow", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Pins: packed(t, append(packPins(small().Pins), 0))})},
		{"its pins: a number is 5, and 2", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Pins: packed(t, []byte{1, 5, 'x'})})},
		{"its pins: a number is 5000", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Pins: packed(t, []byte{0x88, 0x27})})},
		{"who is seated: \"x\" is no", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Seated: "1.2 x"})},
		{"who is seated: \"1\" is no", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Seated: "1"})},
		{"\"5\" stands in it twice", sealed(t, planText{head: planHead, Epoch: 7, Width: 4, Parts: packed(t, []byte{1, 5, 1, 1, 1, '5', 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0})})},
	}
	for wrong, change := range invalid {
		p := small()
		change(p)
		switch wrong {
		case "its epoch is 0", "its token is 10", "no session -1.1", "no session 65537.1": // so they cannot be packed
			wrong = "its parts: a number is"
		case "out of order", "131073 parts, more than ": // names are sorted when they are read; so many are not packed
			continue
		}
		texts = append(texts, refused{wrong, unchecked(t, p)})
	}
	for _, r := range texts {
		_, err := decodePlan(r.text)
		require.ErrorIs(t, err, lease.ErrRecord, r.wrong)
		require.ErrorContains(t, err, "the fleet's plan: ")
		require.ErrorContains(t, err, r.wrong)
		require.NotErrorIs(t, err, errNoPlan)
		require.Equal(t, strings.Contains(err.Error(), "this program reads up to"), errors.Is(err, lease.ErrNewer), r.wrong)
	}
	_, err := decodePlan("")
	require.ErrorIs(t, err, errNoPlan)
	require.NotErrorIs(t, err, lease.ErrRecord)
}

// refused is a text, and a part of what is said about it.
type refused struct{ wrong, text string }

// tomorrow is a plan of a newer program, which should have raised the format.
type tomorrow struct {
	planText
	Tomorrow string `json:"tomorrow"`
}

// packed packs any data, also what would be too much.
func packed(t *testing.T, data []byte) string {
	text, err := deflate(data)
	require.NoError(t, err)
	require.Less(t, len(text), 48<<10, "it fits into a value")
	return text
}

// Whatever happens to a byte of a plan's text is noticed: another plan is never read.
func TestDamagedPlanIsNoPlan(t *testing.T) {
	t.Parallel()
	seed := newSeed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, p := range []*plan{small(), {Epoch: 1, Width: 4}, randomPlan(rng)} {
		text, err := encodePlan(p)
		require.NoError(t, err)
		for i := range text {
			if len(text) > 1000 && !chance(rng, 200/float64(len(text))) {
				continue
			}
			for _, damage := range []string{
				text[:i], text[:i] + text[i+1:], text[:i] + text[i:i+1] + text[i:],
				text[:i] + string(text[i]^1) + text[i+1:], text[:i] + "A" + text[i+1:], text[:i] + string(rune(rng.IntN(256))) + text[i+1:],
			} {
				if damage == text || damage == "" {
					continue
				}
				_, err := decodePlan(damage)
				require.ErrorIs(t, err, lease.ErrRecord, damage)
			}
		}
	}
}

// What can be read of a plan that cannot be decoded is its epoch.
func TestPlanEpoch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		sealed(t, tomorrow{planText{head: head{planHead.Kind, 7, ""}, Epoch: 12, Width: 4}, "x"}): 12,
		`{"kind":"fleet plan","format":1,"epoch":345,"wid`:                                        345,
		`{ "epoch" : 7 }`:                          7,
		`{"epoch":7,"was":{"epoch":99}}`:           99,
		`{"epoch":7,"epoch":99999999999999999999}`: 7,
	} {
		epoch, ok := planEpoch(text)
		require.True(t, ok, text)
		require.Equal(t, want, epoch, text)
	}
	for _, text := range []string{"", "hello", `{"epoch":-1}`, `{"epoch":"7"}`, `{"epochs":7}`, `{"epoch":18446744073709551615}`} {
		_, ok := planEpoch(text)
		require.False(t, ok, text)
	}
}

// Whatever is in the lease, decodePlan says whether it is a plan. What it reads, it writes alike.
func FuzzDecodePlan(f *testing.F) {
	for n := range uint64(5) {
		text, err := encodePlan(randomPlan(rand.New(rand.NewPCG(1, n))))
		require.NoError(f, err)
		f.Add(text)
		f.Add(text[:len(text)/2])
	}
	f.Fuzz(func(t *testing.T, text string) {
		planEpoch(text)
		p, err := decodePlan(text)
		if err != nil {
			require.True(t, errors.Is(err, lease.ErrRecord) != errors.Is(err, errNoPlan), err)
			return
		}
		again, err := encodePlan(p)
		require.NoError(t, err)
		q, err := decodePlan(again)
		require.NoError(t, err)
		requireSamePlan(t, p, q)
	})
}

// A fuzzer does not find checksums. So this one begins behind them.
func FuzzUnpackEntries(f *testing.F) {
	f.Add(packEntries(small()), uint64(9))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0x7f}, uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, epoch uint64) {
		entries, err := unpackEntries(data, epoch)
		if err != nil {
			return
		}
		p := &plan{Epoch: epoch, Width: minWidth, Parts: entries}
		if p.valid() != nil {
			return
		}
		text, err := encodePlan(p)
		require.NoError(t, err)
		q, err := decodePlan(text)
		require.NoError(t, err)
		requireSamePlan(t, p, q)
	})
}

func FuzzUnpackPins(f *testing.F) {
	f.Add(packPins(small().Pins))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		pins, err := unpackPins(data)
		if err != nil || validPins(pins) != nil {
			return
		}
		again, err := unpackPins(packPins(pins))
		require.NoError(t, err)
		require.Equal(t, pins, again)
	})
}
