package gcs

import (
	"os"
	"testing"
)

// TestMain has every test find its machine's metadata service on this machine alone, where nothing answers, unless it has one
// of its own. Google's library asks once in a process whether there is such a service, and keeps the answer: so that may not
// depend on which test is the first.
func TestMain(m *testing.M) {
	if err := os.Setenv("GCE_METADATA_HOST", "127.0.0.1:1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
