package main

import (
	"fmt"
	"os"
	"time"

	"github.com/cloudlease/leader/examples/internal/journal"
)

// A writer appends to the journal, a file that one node at a time writes to. Nothing in it keeps a second writer out: that is
// the lease's task, and what verify looks for.
type writer struct {
	file *os.File
	last uint64 // number of the last line
}

// openJournal opens the journal to write on from its last line.
func openJournal(path string) (*writer, error) {
	entries, err := journal.Read(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	w := &writer{file: file}
	if len(entries) > 0 {
		w.last = entries[len(entries)-1].Number
	}
	return w, nil
}

// append adds the next line, in one write, so that a process that is killed leaves the whole line or none.
func (w *writer) append(token uint64, node string) error {
	w.last++
	_, err := fmt.Fprintln(w.file, journal.Entry{Number: w.last, Token: token, Node: node, At: time.Now()})
	return err
}

func (w *writer) Close() error { return w.file.Close() }
