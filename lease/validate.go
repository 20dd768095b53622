package lease

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxAttributes = 1 << 10
	maxValue      = 48 << 10 // by default; with a twelfth more for its encoding, every successor's record fits into a cell
)

// MaxName is the greatest length of the name of a lease or a holder, in bytes.
const MaxName = 255

// CheckName reports why name cannot be the name of a lease or a holder: it must be 1 to MaxName bytes of UTF-8 without
// control characters. The error is an ErrInvalid.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: the name is empty", ErrInvalid)
	case len(name) > MaxName:
		return fmt.Errorf("%w: the name %.40q... has %d bytes, more than %d", ErrInvalid, name, len(name), MaxName)
	}
	if wrong := textProblem(name); wrong != "" {
		return fmt.Errorf("%w: the name %q %s", ErrInvalid, name, wrong)
	}
	return nil
}

// CheckpointPrefix begins the name of each cell that package checkpoint keeps in a Store, and of no lease.
const CheckpointPrefix = "checkpoints/"

// MaxCell is the most that a Store's cell holds, in bytes: 64 KiB.
const MaxCell = 64 << 10

// CheckCell reports why a cell cannot hold data: it must be UTF-8 text of at most MaxCell bytes. The error is an
// ErrInvalid. Stores call it before they send anything.
func CheckCell(data []byte) error {
	switch {
	case len(data) > MaxCell:
		return fmt.Errorf("%w: a cell holds at most %d bytes, and this has %d", ErrInvalid, MaxCell, len(data))
	case !utf8.Valid(data):
		return fmt.Errorf("%w: a cell holds UTF-8 text, and this is not UTF-8", ErrInvalid)
	}
	return nil
}

// Validate reports everything that is wrong with the request, for a manager with the given limits. Each error is an
// ErrInvalid. Managers call it before they send anything.
func (r Request) Validate(limits Limits) error {
	var problems []error
	if err := CheckName(r.Name); err != nil {
		problems = append(problems, err)
	}
	if strings.HasPrefix(r.Name, CheckpointPrefix) {
		problems = append(problems, fmt.Errorf("%w: the name %q begins with %s, as cells of package checkpoint do", ErrInvalid, r.Name, CheckpointPrefix))
	}
	if err := CheckName(r.Holder); err != nil {
		problems = append(problems, fmt.Errorf("holder: %w", err))
	}
	problems = append(problems, checkAttributes(r.Attributes)...)
	if err := limits.check(r.Length); err != nil {
		problems = append(problems, err)
	}
	if r.RenewEvery < 0 {
		problems = append(problems, fmt.Errorf("%w: the renew interval %v is negative", ErrInvalid, r.RenewEvery))
	}
	if r.HoldAtLeast < 0 {
		problems = append(problems, fmt.Errorf("%w: the time to hold the lease at least, %v, is negative", ErrInvalid, r.HoldAtLeast))
	}
	if err := checkKinds(r.Heeds); err != nil {
		problems = append(problems, err)
	}
	if r.Yield < 0 {
		problems = append(problems, fmt.Errorf("%w: the wait for a named node, %v, is negative", ErrInvalid, r.Yield))
	}
	return errors.Join(problems...)
}

// Validate reports everything that is wrong with a lease that is to be renewed or released, for a manager with the given
// limits. Each error is an ErrInvalid. Managers call it before they send anything.
func (l Lease) Validate(limits Limits) error {
	var unknown error
	if l.ID == "" || l.Token == 0 || l.Version == "" {
		unknown = fmt.Errorf("%w: a lease without ID, token or version was never acquired", ErrInvalid)
	}
	r := Request{Name: l.Name, Holder: l.Holder, Length: l.Length, Attributes: l.Attributes, RenewEvery: l.RenewEvery, Heeds: l.Heeds, HoldAtLeast: l.HoldAtLeast}
	var value error
	if l.Value != "" && l.ValueNumber > 0 { // else it is inherited: whatever it is, the lease can be kept and given back
		value = limits.CheckValue(l.Value)
	}
	var next error
	if l.Next != "" {
		if err := CheckName(l.Next); err != nil {
			next = fmt.Errorf("next: %w", err)
		}
	}
	var wish error
	if l.Wish.Kind != "" {
		wish = l.Wish.Check()
	}
	return errors.Join(r.Validate(limits), value, next, wish, unknown)
}

// CheckValue reports why a manager with these limits cannot keep the value: it must be UTF-8 text of at most MaxValue bytes,
// and at most a twelfth more once it is encoded as JSON. The error is an ErrInvalid, and an errors.ErrUnsupported if the manager
// keeps no values.
func (l Limits) CheckValue(value string) error {
	switch encoded := l.MaxValue + l.MaxValue/12; {
	case l.MaxValue <= 0:
		return fmt.Errorf("%w: this lease manager keeps no values: %w", ErrInvalid, errors.ErrUnsupported)
	case len(value) > l.MaxValue:
		return fmt.Errorf("%w: the value has %d bytes, more than %d", ErrInvalid, len(value), l.MaxValue)
	case !utf8.ValidString(value):
		return fmt.Errorf("%w: the value is not UTF-8", ErrInvalid)
	case lenEncoded(value) > encoded:
		return fmt.Errorf("%w: the value has %d bytes in JSON, more than %d: it has many characters that JSON escapes",
			ErrInvalid, lenEncoded(value), encoded)
	}
	return nil
}

func lenEncoded(value string) int { return len(appendText(nil, value)) }

func (l Limits) check(length time.Duration) error {
	switch {
	case length <= 0:
		return fmt.Errorf("%w: the lease length %v is not positive", ErrInvalid, length)
	case l.MinLength > 0 && length < l.MinLength:
		return fmt.Errorf("%w: the lease length %v is below this store's minimum of %v", ErrInvalid, length, l.MinLength)
	case l.MaxLength > 0 && length > l.MaxLength:
		return fmt.Errorf("%w: the lease length %v is above this store's maximum of %v", ErrInvalid, length, l.MaxLength)
	case l.LengthStep > 0 && length%l.LengthStep != 0:
		return fmt.Errorf("%w: the lease length %v is not a multiple of %v, as this store needs", ErrInvalid, length, l.LengthStep)
	}
	return nil
}

func checkAttributes(attributes map[string]string) (problems []error) {
	size := 0
	for key, value := range attributes {
		size += len(key) + len(value)
		if key == "" {
			problems = append(problems, fmt.Errorf("%w: an attribute has an empty key", ErrInvalid))
		}
		if wrong := textProblem(key); wrong != "" {
			problems = append(problems, fmt.Errorf("%w: the attribute key %q %s", ErrInvalid, key, wrong))
		}
		if wrong := textProblem(value); wrong != "" {
			problems = append(problems, fmt.Errorf("%w: the value %q of attribute %q %s", ErrInvalid, value, key, wrong))
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) }) // as a map has no order
	if size > maxAttributes {
		problems = append(problems, fmt.Errorf("%w: the attributes have %d bytes, more than %d", ErrInvalid, size, maxAttributes))
	}
	return problems
}

// textProblem says why s cannot be a name or an attribute; empty if it can.
func textProblem(s string) string {
	if !utf8.ValidString(s) {
		return "is not UTF-8"
	}
	for _, c := range s {
		if unicode.IsControl(c) {
			return fmt.Sprintf("has the control character %U", c)
		}
	}
	return ""
}
