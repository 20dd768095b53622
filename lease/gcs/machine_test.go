package gcs

import (
	"os"
	"testing"
)

// TestMain makes every test look for its machine's metadata service on this machine, where nothing answers, unless the test
// has one. Google's library asks once in a process whether there is such a service, and keeps the answer: it must not
// depend on which test is the first.
func TestMain(m *testing.M) {
	if err := os.Setenv("GCE_METADATA_HOST", "127.0.0.1:1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
