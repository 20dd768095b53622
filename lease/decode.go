package lease

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// encoding/json takes "Token" for "token", and the last of two fields with one name. Another reader may take the first, and
// see another record. So this file takes records apart itself, after encoding/json has checked that they are JSON. That
// is faster, too: the data is decoded once.

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
	for _, c := range h {
		if c < ' ' || c > '~' || c == '\\' || c == '"' || c == '<' || c == '>' || c == '&' { // JSON may escape them
			return ""
		}
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
	next := 0 // programs write the fields in this order, so it is mostly this one
	err = members(data, func(quoted, value []byte) error {
		for range recordFields {
			i := next
			next = (next + 1) % len(recordFields)
			switch {
			case !isName(quoted, recordFields[i].name):
				continue
			case v[i] == nil:
				v[i] = value
			case isExtra(i):
				v[i] = []byte("null")
			default:
				return fmt.Errorf("its %s stands in it twice", recordFields[i].name)
			}
			return nil
		}
		return nil
	})
	return v, err
}

// isName compares a name as it stands in JSON.
func isName(quoted []byte, name string) bool {
	if string(quoted[1:len(quoted)-1]) == name {
		return true
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return false
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
	rest := trimmed(data)
	if rest[0] != '{' {
		return errNoObject
	}
	next := func() (value []byte) {
		rest = trimmed(rest[1:]) // behind a brace, a comma or a colon
		end := lengthOf(rest)
		value, rest = rest[:end], trimmed(rest[end:])
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

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// trimmed cuts off what space is in front. It is called three times for a field, and bytes.TrimLeft makes a table each time.
func trimmed(data []byte) []byte {
	for len(data) > 0 && isSpace(data[0]) {
		data = data[1:]
	}
	return data
}

// lengthOf is how long the value is with which valid JSON begins; 0 if it begins with a closing brace.
func lengthOf(data []byte) int {
	if len(data) > 0 && data[0] == '"' {
		if end := 1 + bytes.IndexByte(data[1:], '"'); end > 0 && bytes.IndexByte(data[1:end], '\\') < 0 {
			return end + 1
		}
	}
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
		case depth == 0 && (c == ',' || c == ':' || isSpace(c)):
			return i
		}
	}
	return len(data)
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
