package lease

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// encoding/json takes "Token" for "token", and the last of two fields with one name. Another reader may take the first, and
// see another record. So this file takes records apart itself, after encoding/json has checked that they are JSON. That
// is faster, too: the data is decoded once.

// recordFields are the fields of a record, and how each is read; the format and the kind come first. A null changes nothing.
var recordFields = [...]struct {
	name string
	read func(r *record, value []byte) error
}{
	{"format", func(r *record, value []byte) (err error) { r.Format, err = strconv.Atoi(string(value)); return err }},
	{"kind", func(r *record, value []byte) (err error) { r.Kind, err = text(value); return err }},
	{"token", func(r *record, value []byte) (err error) {
		r.Token, err = strconv.ParseUint(string(value), 10, 64)
		return err
	}},
	{"id", func(r *record, value []byte) (err error) { r.ID, err = text(value); return err }},
	{"holder", func(r *record, value []byte) (err error) { r.Holder, err = text(value); return err }},
	{"length", func(r *record, value []byte) error { return r.Length.read(value) }},
	{"nonce", func(r *record, value []byte) (err error) { r.Nonce, err = text(value); return err }},
	{"released", func(r *record, value []byte) (err error) { r.Released, err = truth(value); return err }},
	{"broken", func(r *record, value []byte) (err error) { r.Broken, err = truth(value); return err }},
	{"attributes", func(r *record, value []byte) (err error) { r.Attributes, err = texts(value); return err }},
	{"value", func(r *record, value []byte) (err error) { r.Value, err = text(value); return err }},
	{"value_number", func(r *record, value []byte) (err error) {
		r.Number, err = strconv.ParseUint(string(value), 10, 64)
		return err
	}},
	{"renew_every", func(r *record, value []byte) error { return r.RenewEvery.read(value) }},
	{"acquired", func(r *record, value []byte) error { return r.Acquired.UnmarshalJSON(value) }},
	{"renewed", func(r *record, value []byte) error { return r.Renewed.UnmarshalJSON(value) }},
	{"next", func(r *record, value []byte) (err error) { r.Next, err = text(value); return err }},
	{"undone", func(r *record, value []byte) (err error) { r.Undone, err = truth(value); return err }},
	{"heeds", func(r *record, value []byte) error {
		kinds, err := text(value)
		r.Heeds = HeedsText(HeedsIn(kinds))
		return err
	}},
	{"wish", func(r *record, value []byte) (err error) { r.Wish, err = wishIn(value); return err }},
	{"history", func(r *record, value []byte) error { r.History = historyIn(value); return nil }},
}

// isExtra reports whether a field's damage makes no record unreadable: it is dropped.
func isExtra(field int) bool {
	switch recordFields[field].name {
	case "heeds", "wish", "history":
		return true
	}
	return false
}

// historyIn returns the history in a record; none if it is too long, or a text that no history is. Terms finds other damage.
func historyIn(value []byte) History {
	if value[0] != '"' || len(value) > maxHistory {
		return ""
	}
	h := value[1 : len(value)-1]
	if slices.ContainsFunc(h, func(c byte) bool { return c < ' ' || c > '~' || strings.IndexByte(`\"<>&`, c) >= 0 }) { // JSON may escape them
		return ""
	}
	return History(h)
}

// values has the value of each of recordFields as the cell has it; nil if the field is missing.
type values [len(recordFields)][]byte

func (v *values) read(r *record, field int) error {
	value := v[field]
	if value == nil || string(value) == "null" {
		return nil
	}
	err := recordFields[field].read(r, value)
	switch name := recordFields[field].name; {
	case err == nil || isExtra(field):
		return nil
	case name == "value":
		return errors.New("its value is not a text") // errors are logged, and values are not
	default:
		return fmt.Errorf("its %s is %.40q: %w", name, value, err)
	}
}

// split finds the fields of a record.
func split(data []byte) (v values, err error) {
	if !json.Valid(data) {
		var any json.RawMessage
		return v, json.Unmarshal(data, &any)
	}
	err = members(data, func(quoted, value []byte) error {
		for i := range recordFields {
			switch is := isName(quoted, recordFields[i].name); {
			case is && v[i] != nil && isExtra(i):
				v[i] = []byte("null")
			case is && v[i] != nil:
				return fmt.Errorf("its %s stands in it twice", recordFields[i].name)
			case is:
				v[i] = value
			}
		}
		return nil
	})
	return v, err
}

// isName compares a name as it stands in JSON.
func isName(quoted []byte, name string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1:len(quoted)-1]) == name
	}
	unquoted, err := text(quoted)
	return err == nil && unquoted == name
}

var (
	errNoObject = errors.New("it is not an object")
	errNoText   = errors.New("it is not a text")
	errNoTruth  = errors.New("it is neither true nor false")
)

// members goes through the members of what should be an object, in valid JSON.
func members(data []byte, each func(quotedName, value []byte) error) error {
	rest := bytes.TrimLeft(data, space)
	if rest[0] != '{' {
		return errNoObject
	}
	next := func() (value []byte) {
		rest = bytes.TrimLeft(rest[1:], space) // behind a brace, a comma or a colon
		end := lengthOf(rest)
		value, rest = rest[:end], bytes.TrimLeft(rest[end:], space)
		return value
	}
	for {
		name := next()
		if len(name) == 0 { // the closing brace of an empty object
			return nil
		}
		if err := each(name, next()); err != nil || rest[0] == '}' {
			return err
		}
	}
}

const space = " \t\r\n"

// lengthOf is how long the value is with which valid JSON begins; 0 if it begins with a closing brace.
func lengthOf(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\':
			i++
		case c == '"':
			if quoted = !quoted; !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i // behind a number or a word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && (c == ',' || c == ':' || strings.IndexByte(space, c) >= 0):
			return i
		}
	}
	return len(data)
}

func text(value []byte) (s string, err error) {
	switch {
	case value[0] != '"':
		return "", errNoText
	case bytes.IndexByte(value, '\\') < 0:
		return string(value[1 : len(value)-1]), nil
	}
	err = json.Unmarshal(value, &s)
	return s, err
}

func truth(value []byte) (bool, error) {
	switch string(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errNoTruth
}

func texts(value []byte) (map[string]string, error) {
	all := map[string]string{}
	err := members(value, func(quoted, value []byte) error {
		name, err := text(quoted)
		if err != nil {
			return err
		}
		if _, twice := all[name]; twice {
			return fmt.Errorf("%.40q stands in it twice", name)
		}
		all[name] = ""
		if string(value) != "null" {
			all[name], err = text(value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (d *duration) read(value []byte) error {
	s, err := text(value)
	if err != nil {
		return err
	}
	return d.UnmarshalText([]byte(s))
}
