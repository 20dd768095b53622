// Package transcript keeps what a process writes, for tests that read it meanwhile.
package transcript

import (
	"bytes"
	"sync"
)

// A Transcript is all that was written to it. The zero Transcript is empty and ready, and safe for concurrent use.
type Transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to it. It never fails.
func (t *Transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

// String is what was written so far.
func (t *Transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
