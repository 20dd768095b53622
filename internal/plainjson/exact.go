package plainjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// encoding/json takes "Token" for "token", and the last of two fields with one name. Another reader may take the first, and
// see another content. So what is stored is taken apart here, after encoding/json has checked that it is JSON.

var errNoObject = errors.New("it is not an object")

// Unmarshal decodes an object into the struct that v points to, as json.Unmarshal does, but by the exact names in the tags of its
// fields: a name in other letters is ignored, as any that the struct does not have. A field that stands twice is an error.
func Unmarshal(data []byte, v any) error {
	if !json.Valid(data) {
		return json.Unmarshal(data, v) // says what is wrong
	}
	seen := map[string]bool{} // by name; false: not yet
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v).Elem()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			seen[name] = false
		}
	}
	exact := []byte{'{'}
	err := Members(data, func(quoted, value []byte) error {
		var name string
		if err := json.Unmarshal(quoted, &name); err != nil {
			return err
		}
		twice, known := seen[name]
		switch {
		case twice:
			return fmt.Errorf("its %s stands in it twice", name)
		case known:
			seen[name] = true
			exact = append(append(append(append(exact, quoted...), ':'), value...), ',')
		}
		return nil
	})
	if err != nil {
		return err
	}
	return json.Unmarshal(append(bytes.TrimSuffix(exact, []byte(",")), '}'), v)
}

// Members goes through the members of what should be an object, in valid JSON. It decodes nothing: the name is in its quotes, and
// may have escapes.
func Members(data []byte, each func(quotedName, value []byte) error) error {
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
