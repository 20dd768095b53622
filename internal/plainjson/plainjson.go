// Package plainjson encodes JSON without escapes for HTML, which take six bytes for one: what is stored has a limit.
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
