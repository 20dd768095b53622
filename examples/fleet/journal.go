package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"

	"github.com/cloudlease/leader/examples/internal/journal"
)

// errLate is the error of a term that has been followed by another.
var errLate = errors.New("a newer term has claimed the journal")

// A writer appends to a journal, and refuses late lines. Each term claims the journal with its token before it reads where to go
// on, under a lock. Each line is written under the same lock, and only if nobody else has written since: so the line of a term that
// another one has followed is refused, however late it comes.
type writer struct {
	file *os.File
	lock *flock.Flock
	last journal.Entry
	size int64 // of the file after that line
}

// claimJournal claims a journal for the term with the token. The claim is a line.
func claimJournal(path string, token uint64, node string) (*writer, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	w := &writer{file: file, lock: flock.New(path + ".lock")}
	err = w.locked(func() error {
		entries, err := journal.Read(path)
		if err != nil {
			return err
		}
		if n := len(entries); n > 0 {
			w.last = entries[n-1]
		}
		if w.last.Token > token {
			return fmt.Errorf("%s: token %d: %w, with token %d", path, token, errLate, w.last.Token)
		}
		w.last.Token, w.last.Node = token, node
		return w.write()
	})
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// append adds the next line.
func (w *writer) append() error {
	return w.locked(func() error {
		info, err := w.file.Stat()
		switch {
		case err != nil:
			return err
		case info.Size() != w.size:
			return fmt.Errorf("%s: token %d: %w", w.file.Name(), w.last.Token, errLate)
		}
		return w.write()
	})
}

// write writes the next line at once, so that a process that is killed leaves the whole line or none.
func (w *writer) write() error {
	w.last.Number, w.last.At = w.last.Number+1, time.Now()
	if _, err := fmt.Fprintln(w.file, w.last); err != nil {
		return err
	}
	info, err := w.file.Stat()
	if err == nil {
		w.size = info.Size()
	}
	return err
}

func (w *writer) locked(do func() error) error {
	if err := w.lock.Lock(); err != nil {
		return err
	}
	return errors.Join(do(), w.lock.Unlock())
}

func (w *writer) Close() error { return errors.Join(w.file.Close(), w.lock.Close()) }
