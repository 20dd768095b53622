package lease

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/internal/plainjson"
)

// wish is a Wish as a record has it.
type wish struct {
	Kind  string    `json:"kind"`
	For   string    `json:"for,omitempty"`
	By    string    `json:"by,omitempty"`
	At    time.Time `json:"at,omitzero"`
	State WishState `json:"state"`
	Token uint64    `json:"token"`           // of the term that it is asked of
	Nonce string    `json:"nonce,omitempty"` // of the one who asks: makes its writes differ, as the record's nonce is the holder's
}

func wishOf(w Wish, token uint64) wish {
	if w.Kind == "" {
		return wish{}
	}
	return wish{Kind: w.Kind, For: w.For, By: w.By, At: w.At, State: w.State, Token: token}
}

// wish returns what is asked of the record's holder. A wish to the holder of another term is void.
func (r record) wish() Wish {
	if r.Released || r.Wish.Token != r.Token {
		return Wish{}
	}
	return Wish{Kind: r.Wish.Kind, For: r.Wish.For, By: r.Wish.By, At: r.Wish.At, State: r.Wish.State}
}

// wishIn reads a wish. One that cannot be read, or that no manager writes, is an error.
func wishIn(value []byte) (w wish, err error) {
	err = plainjson.Members(value, func(quoted, value []byte) (err error) {
		name, err := text(quoted)
		if err != nil {
			return err
		}
		switch name {
		case "kind":
			w.Kind, err = text(value)
		case "for":
			w.For, err = text(value)
		case "by":
			w.By, err = text(value)
		case "at":
			err = w.At.UnmarshalJSON(value)
		case "state":
			var state string
			state, err = text(value)
			w.State = WishState(state)
		case "nonce":
			w.Nonce, err = text(value)
		case "token":
			w.Token, err = strconv.ParseUint(string(value), 10, 64)
		}
		return err
	})
	if err == nil {
		err = Wish{Kind: w.Kind, For: w.For, By: w.By}.Check()
	}
	if known := []WishState{WishAsked, WishBegun, WishWithdrawn}; err == nil && !slices.Contains(known, w.State) {
		err = fmt.Errorf("%w: the state of a wish is %.40q", ErrRecord, w.State)
	}
	if err != nil {
		return wish{}, err
	}
	return w, nil
}

// HeedsText returns the kinds of wishes that a holder acts on as managers store them. HeedsIn reads it.
func HeedsText(kinds []string) string { return strings.Join(kinds, " ") }

// HeedsIn returns the kinds of wishes in a text that HeedsText made; none if it is not such a text.
func HeedsIn(text string) []string {
	if text == "" {
		return nil
	}
	kinds := strings.Split(text, " ")
	if checkKinds(kinds) != nil {
		return nil
	}
	return kinds
}

func checkKinds(kinds []string) error {
	if len(kinds) > maxKinds {
		return fmt.Errorf("%w: the holder acts on %d kinds of wishes, more than %d", ErrInvalid, len(kinds), maxKinds)
	}
	for _, kind := range kinds {
		if err := checkKind(kind); err != nil {
			return err
		}
	}
	return nil
}
