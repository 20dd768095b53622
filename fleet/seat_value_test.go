package fleet

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// A seat's value is read as it was written, with what is stopping as a set.
func TestSeatValueIsReadAsWritten(t *testing.T) {
	t.Parallel()
	seed := newSeed(t)
	for n := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, n))
		v := randomSeatValue(rng)
		shuffled := v
		shuffled.Stopping = append(slices.Clone(v.Stopping), v.Stopping...)
		rng.Shuffle(len(shuffled.Stopping), func(i, j int) {
			shuffled.Stopping[i], shuffled.Stopping[j] = shuffled.Stopping[j], shuffled.Stopping[i]
		})
		before := slices.Clone(shuffled.Stopping)
		text, err := encodeSeat(shuffled)
		require.NoError(t, err)
		require.Equal(t, before, shuffled.Stopping, "the caller's slice")
		read, err := decodeSeat(text)
		require.NoError(t, err, text)
		require.Equal(t, v, read)
	}
}

// invalidSeats are values that break a rule each.
var invalidSeats = map[string]func(v *seatValue){
	"it names no token":         func(v *seatValue) { v.Token = 0 },
	"its epoch is":              func(v *seatValue) { v.Epoch = math.MaxUint64 },
	"its weight is -1":          func(v *seatValue) { v.Weight = -1 },
	"its weight is 1048577":     func(v *seatValue) { v.Weight = maxWeight + 1 },
	"its capacity is -1":        func(v *seatValue) { v.Capacity = -1 },
	"its address":               func(v *seatValue) { v.Address = strings.Repeat("x", maxAddress+1) },
	`its address "\xff" is not`: func(v *seatValue) { v.Address = "\xff" },
	"its name: ":                func(v *seatValue) { v.Name = "\n" },
	"a part that is stopping: ": func(v *seatValue) { v.Stopping = []string{""} },
}

func TestSeatValueRefuses(t *testing.T) {
	t.Parallel()
	for wrong, change := range invalidSeats {
		v := seatValue{Token: 1}
		change(&v)
		_, err := encodeSeat(v)
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, "the seat's value: ")
		require.ErrorContains(t, err, wrong)
	}
	for wrong, text := range map[string]string{
		"invalid character":          "hello",
		`its kind is "fleet plan"`:   unchecked(t, small()),
		"its kind is \"\"":           `{}`,
		"update the program":         sealed(t, seatText{head: head{seatHead.Kind, 2, ""}, Token: 1}),
		"its checksum is not":        `{"kind":"fleet seat","format":1,"token":1,"epoch":0}`,
		"unknown field \"mood\"":     sealed(t, moody{seatText{head: seatHead, Token: 1}, "x"}),
		"stopping: illegal base64":   sealed(t, seatText{head: seatHead, Token: 1, Stopping: "?"}),
		"stopping: its packed data":  sealed(t, seatText{head: seatHead, Token: 1, Stopping: packed(t, []byte{1})}),
		"stopping: it is more than":  sealed(t, seatText{head: seatHead, Token: 1, Stopping: packed(t, make([]byte, maxPacked+1))}),
		`part "5" is stopping twice`: sealed(t, seatText{head: seatHead, Token: 1, Stopping: packed(t, []byte{1, 5, 1, 1, 1, '5'})}),
		"it names no token":          sealed(t, seatText{head: seatHead}),
		"its weight is -1":           sealed(t, seatText{head: seatHead, Token: 1, Weight: -1}),
		"cannot unmarshal number -1 ": sealed(t, struct {
			head
			Token int `json:"token"`
		}{seatHead, -1}),
	} {
		_, err := decodeSeat(text)
		require.ErrorIs(t, err, lease.ErrRecord, wrong)
		require.ErrorContains(t, err, "the seat's value: ")
		require.ErrorContains(t, err, wrong)
		require.NotErrorIs(t, err, errNoSeatValue)
	}
	_, err := decodeSeat("")
	require.ErrorIs(t, err, errNoSeatValue)
	require.NotErrorIs(t, err, lease.ErrRecord)
}

// moody is a seat's value of a newer program, which should have raised the format.
type moody struct {
	seatText
	Mood string `json:"mood"`
}

func TestDamagedSeatValueIsNone(t *testing.T) {
	t.Parallel()
	text, err := encodeSeat(seatValue{Token: 7, Epoch: 3, Stopping: []string{"1", "2", "eu"}, Weight: 1, Name: "node-a"})
	require.NoError(t, err)
	for i := range text {
		for _, damage := range []string{text[:i], text[:i] + text[i+1:], text[:i] + string(text[i]^1) + text[i+1:]} {
			if damage != "" {
				_, err := decodeSeat(damage)
				require.ErrorIs(t, err, lease.ErrRecord, damage)
			}
		}
	}
}

// Ten thousand parts that are stopping fit into a value, whichever they are.
func TestSeatValueFits(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(newSeed(t), 0))
	limits := lease.LimitsOf(memory.New())
	for of, most := range map[int]int{10_000: 1 << 10, 20_000: 6 << 10, 1_000_000: 24 << 10} {
		v := seatValue{Token: math.MaxInt64, Epoch: maxEpoch, Weight: 1, Address: strings.Repeat("a", maxAddress), Name: strings.Repeat("n", lease.MaxName), Draining: true}
		for _, n := range rng.Perm(of)[:10_000] {
			v.Stopping = append(v.Stopping, fmt.Sprint(n))
		}
		text, err := encodeSeat(v)
		require.NoError(t, err)
		t.Logf("10,000 of %d shards stopping: %d bytes", of, len(text))
		require.NoError(t, limits.CheckValue(text))
		require.Less(t, len(text), most+2*maxAddress)
	}
}

// Whatever is in a seat, decodeSeat says whether it is a seat's value. What it reads, it writes alike.
func FuzzDecodeSeat(f *testing.F) {
	for n := range uint64(5) {
		text, err := encodeSeat(randomSeatValue(rand.New(rand.NewPCG(1, n))))
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := decodeSeat(text)
		if err != nil {
			require.True(t, errors.Is(err, lease.ErrRecord) != errors.Is(err, errNoSeatValue), err)
			return
		}
		again, err := encodeSeat(v)
		require.NoError(t, err)
		w, err := decodeSeat(again)
		require.NoError(t, err)
		require.Equal(t, v, w)
	})
}

// FuzzUnpackNames begins behind the checksum and the inflation.
func FuzzUnpackNames(f *testing.F) {
	f.Add(appendNames(nil, []string{"1", "2", "7", "eu"}))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &reader{rest: data}
		names := r.names()
		if r.end() != nil || len(slices.Compact(slices.Clone(names))) < len(names) {
			return
		}
		again := &reader{rest: appendNames(nil, names)}
		require.Equal(t, names, again.names())
		require.NoError(t, again.end())
	})
}
