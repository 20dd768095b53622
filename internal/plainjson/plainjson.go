// Package plainjson writes and reads the JSON that is stored: without escapes for HTML, which take six bytes for one, as what is stored
// has a limit; and by the exact names of fields.
package plainjson

import (
	"bytes"
	"encoding/json"
)

// Marshal returns v as json.Marshal does, but <, > and & as they are.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
