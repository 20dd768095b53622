package lease

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cloudlease/leader/internal/plainjson"
)

// This file takes records apart by the exact names of their fields, as plainjson.Unmarshal would, but without reflection: the data is
// decoded once.

// isExtra reports whether a field's damage makes no record unreadable: it is dropped.
func isExtra(field int) bool {
	switch recordFields[field].name {
	case "hold_at_least", "heeds", "wish", "history":
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
	err = plainjson.Members(data, func(quoted, value []byte) error {
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
	errNoText  = errors.New("it is not a text")
	errNoTruth = errors.New("it is neither true nor false")
)

func texts(value []byte) (map[string]string, error) {
	all := map[string]string{}
	err := plainjson.Members(value, func(quoted, value []byte) error {
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
