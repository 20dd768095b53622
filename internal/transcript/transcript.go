// Package transcript keeps the output of a process, for tests that read it while the process runs.
package transcript

import (
	"bytes"
	"sync"
)

// A Transcript keeps all that is written to it. The zero Transcript is empty and ready, and safe for concurrent use.
type Transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends p. It never fails.
func (t *Transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

// String returns everything written so far.
func (t *Transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
