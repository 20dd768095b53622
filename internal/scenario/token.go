package scenario

import (
	"encoding/json"
	"testing"
)

// TokenIn returns the token of a lease's record, which anybody with a JSON parser can read.
func TokenIn(t testing.TB, record []byte) uint64 {
	t.Helper()
	var r struct{ Token uint64 }
	if err := json.Unmarshal(record, &r); err != nil {
		t.Fatalf("the record %q: %v", record, err)
	}
	return r.Token
}
