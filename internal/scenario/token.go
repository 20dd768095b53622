package scenario

import (
	"encoding/json"
	"testing"
)

// TokenIn returns the token of a lease's record, as anybody would read it who has nothing but JSON.
func TokenIn(t testing.TB, record []byte) uint64 {
	t.Helper()
	var r struct{ Token uint64 }
	if err := json.Unmarshal(record, &r); err != nil {
		t.Fatalf("the record %q: %v", record, err)
	}
	return r.Token
}
