package fleet

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/cloudlease/leader/lease"
)

const (
	maxWeight   = 1 << 20
	maxCapacity = math.MaxInt32
	maxAddress  = 1 << 10
)

var seatHead = head{Kind: "fleet seat", Format: 1}

const theSeat = "the seat's value"

// errNoSeatValue says that the seat has no value yet. So it is bound to no session.
var errNoSeatValue = errors.New("the seat has no value yet")

// A seatValue says for a session what it acknowledges, and what it can take. As every acquisition inherits a value (V1), it names
// the session that it is from.
type seatValue struct {
	Token    uint64   // of the session that says so
	Epoch    uint64   // F3: of the latest plan that it has taken; 0: none
	Stopping []string // F3: its parts whose works have not returned, though that plan does not give them to it. A set, sorted when decoded
	Weight   int      // 0: a spare
	Capacity int      // the most parts that it takes; 0: no limit
	Address  string
	Name     string // of the node, for people
	Draining bool   // it is to be given nothing any more
}

// seatText is a seatValue as the seat's lease holds it.
type seatText struct {
	head
	Token    uint64 `json:"token"`
	Epoch    uint64 `json:"epoch"`
	Stopping string `json:"stopping,omitempty"` // packed
	Weight   int    `json:"weight,omitempty"`
	Capacity int    `json:"capacity,omitempty"`
	Address  string `json:"address,omitempty"`
	Name     string `json:"name,omitempty"`
	Draining bool   `json:"draining,omitempty"`
}

// encodeSeat returns a seat's value as text. The error is a lease.ErrInvalid: no program could read such a value.
func encodeSeat(v seatValue) (string, error) {
	v.Stopping = slices.Compact(slices.Sorted(slices.Values(v.Stopping)))
	if err := v.valid(); err != nil {
		return "", unfit(theSeat, err)
	}
	var stopping []byte
	if len(v.Stopping) > 0 {
		stopping = appendNames(nil, v.Stopping)
	}
	packed, err := pack(stopping)
	if err != nil {
		return "", unfit(theSeat, err)
	}
	return seal(seatText{seatHead, v.Token, v.Epoch, packed, v.Weight, v.Capacity, v.Address, v.Name, v.Draining})
}

// decodeSeat reads a seat's value. The error is errNoSeatValue for the empty text. Else it is a lease.ErrRecord that says what
// is wrong.
func decodeSeat(text string) (seatValue, error) {
	if text == "" {
		return seatValue{}, errNoSeatValue
	}
	var t seatText
	if err := unseal(text, seatHead, &t); err != nil {
		return seatValue{}, damaged(theSeat, err)
	}
	stopping, err := unpackNames(t.Stopping)
	if err != nil {
		return seatValue{}, damaged(theSeat, fmt.Errorf("what is stopping: %w", err))
	}
	v := seatValue{t.Token, t.Epoch, stopping, t.Weight, t.Capacity, t.Address, t.Name, t.Draining}
	if err := v.valid(); err != nil {
		return seatValue{}, damaged(theSeat, err)
	}
	return v, nil
}

func unpackNames(text string) ([]string, error) {
	data, err := unpack(text)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	r := &reader{rest: data}
	names := r.names()
	return names, r.end()
}

// valid reports the first thing that no seat can say.
func (v seatValue) valid() error {
	switch {
	case v.Token == 0:
		return errors.New("it names no token, and tokens begin at 1")
	case v.Epoch > maxEpoch:
		return fmt.Errorf("its epoch is %d, more than %d", v.Epoch, uint64(maxEpoch))
	case v.Weight < 0 || v.Weight > maxWeight:
		return fmt.Errorf("its weight is %d, and weights are 0 to %d", v.Weight, maxWeight)
	case v.Capacity < 0 || v.Capacity > maxCapacity:
		return fmt.Errorf("its capacity is %d, and capacities are 0 to %d", v.Capacity, maxCapacity)
	case len(v.Address) > maxAddress || !utf8.ValidString(v.Address):
		return fmt.Errorf("its address %.40q is not UTF-8, or has more than %d bytes", v.Address, maxAddress)
	case len(v.Stopping) > maxParts:
		return fmt.Errorf("%d parts are stopping, more than %d", len(v.Stopping), maxParts)
	}
	if v.Name != "" {
		if err := lease.CheckName(v.Name); err != nil {
			return fmt.Errorf("its name: %w", err)
		}
	}
	for i, part := range v.Stopping {
		if i > 0 && part == v.Stopping[i-1] {
			return fmt.Errorf("part %q is stopping twice", part)
		}
		if err := lease.CheckName(part); err != nil {
			return fmt.Errorf("a part that is stopping: %w", err)
		}
	}
	return nil
}
