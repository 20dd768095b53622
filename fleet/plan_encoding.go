package fleet

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// planHead begins a plan's text. The format rises with any change: a coordinator that does not know a field would make the next
// plan without it. A plan with pins has format 2, one without has format 1: programs that know no pins read it.
var planHead = head{Kind: "fleet plan", Format: 2}

const formatWithoutPins = 1

const thePlan = "the fleet's plan"

// errNoPlan says that the fleet's lease has no value yet: the first coordinator publishes a plan (F4).
var errNoPlan = errors.New("the fleet has no plan yet")

// planText is a plan as its lease's value holds it. The epoch stands in clear, for those who cannot read the rest.
type planText struct {
	head
	Epoch   uint64 `json:"epoch"`
	Width   int    `json:"width"`
	Version uint64 `json:"version,omitempty"`
	Seated  string `json:"seated,omitempty"` // "1.17 3.4"
	Parts   string `json:"parts,omitempty"`  // packed
	Pins    string `json:"pins,omitempty"`   // packed
}

// encodePlan returns a plan as text. The error is a lease.ErrInvalid: no program could read such a plan.
func encodePlan(p *plan) (string, error) {
	if err := p.valid(); err != nil {
		return "", unfit(thePlan, err)
	}
	packed, err := pack(packEntries(p))
	if err != nil {
		return "", unfit(thePlan, err)
	}
	pins, err := pinText(p.Pins)
	if err != nil {
		return "", unfit(thePlan, err)
	}
	head := planHead
	if pins == "" {
		head.Format = formatWithoutPins
	}
	return seal(planText{head, p.Epoch, p.Width, p.Version, words(p.Seated), packed, pins})
}

// decodePlan reads a plan. The error is errNoPlan for the empty text. Else it is a lease.ErrRecord that says what is wrong.
func decodePlan(text string) (*plan, error) {
	if text == "" {
		return nil, errNoPlan
	}
	var t planText
	if err := unseal(text, planHead, &t); err != nil {
		return nil, damaged(thePlan, err)
	}
	p := &plan{Epoch: t.Epoch, Width: t.Width, Version: t.Version}
	var err error
	if p.Seated, err = parseSessions(t.Seated); err != nil {
		return nil, damaged(thePlan, fmt.Errorf("who is seated: %w", err))
	}
	data, err := unpack(t.Parts)
	if err == nil {
		p.Parts, err = unpackEntries(data, t.Epoch)
	}
	if err != nil {
		return nil, damaged(thePlan, fmt.Errorf("its parts: %w", err))
	}
	if data, err = unpack(t.Pins); err == nil {
		p.Pins, err = unpackPins(data)
	}
	if err != nil {
		return nil, damaged(thePlan, fmt.Errorf("its pins: %w", err))
	}
	if err := p.valid(); err != nil {
		return nil, damaged(thePlan, err)
	}
	return p, nil
}

// IsPlan reports whether a lease's value is the plan of a fleet, be it damaged or of a newer format. Without its plan,
// a fleet's tokens begin anew: [Reset] replaces it.
func IsPlan(value string) bool {
	var found head
	if err := json.Unmarshal([]byte(value), &found); err == nil {
		return found.Kind == planHead.Kind
	}
	return strings.Contains(value, `"`+planHead.Kind+`"`)
}

var clearEpoch = regexp.MustCompile(`"epoch"\s*:\s*(\d+)`)

// planEpoch returns the epoch of a plan that cannot be decoded, if it can be read: the greatest number that may be it, since the
// plan that replaces this one begins above it.
func planEpoch(text string) (epoch uint64, found bool) {
	for _, m := range clearEpoch.FindAllStringSubmatch(text, -1) {
		if n, err := strconv.ParseUint(m[1], 10, 64); err == nil && n < maxEpoch {
			epoch, found = max(epoch, n), true
		}
	}
	return epoch, found
}

func words(sessions []session) string {
	all := make([]string, len(sessions))
	for i, s := range sessions {
		all[i] = s.String()
	}
	return strings.Join(all, " ")
}

func parseSessions(text string) ([]session, error) {
	var all []session
	for _, word := range strings.Fields(text) {
		seat, token, _ := strings.Cut(word, ".")
		k, err1 := strconv.Atoi(seat)
		t, err2 := strconv.ParseUint(token, 10, 64)
		if err := cmp.Or(err1, err2); err != nil {
			return nil, fmt.Errorf("%.40q is no session: %w", word, err)
		}
		all = append(all, session{k, t})
	}
	return all, nil
}
