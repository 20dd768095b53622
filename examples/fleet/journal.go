package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// An entry is one line of a journal, and one piece of work on its part.
type entry struct {
	Number uint64 // one more than that of the line before, by any node
	Token  uint64 // of the part's term
	Node   string
	At     time.Time // by the wall clock, which all nodes share here: this is one machine
}

func (e entry) String() string {
	return fmt.Sprintf("%d %d %s %s", e.Number, e.Token, e.Node, e.At.UTC().Format(time.RFC3339Nano))
}

func parseEntry(line string) (entry, error) {
	fields := strings.Split(line, " ")
	if len(fields) != 4 || fields[2] == "" {
		return entry{}, fmt.Errorf("it is not number, token, node and time: %q", line)
	}
	number, err1 := strconv.ParseUint(fields[0], 10, 64)
	token, err2 := strconv.ParseUint(fields[1], 10, 64)
	at, err3 := time.Parse(time.RFC3339Nano, fields[3])
	return entry{Number: number, Token: token, Node: fields[2], At: at}, errors.Join(err1, err2, err3)
}

// errLate is the error of a term that has been followed by another.
var errLate = errors.New("a newer term has claimed the journal")

// A journal is a file that refuses late lines. Each term claims it with its token before it reads where to go on, under a lock.
// Each line is written under the same lock, and only if nobody else has written since: so the line of a term that another one
// has followed is refused, however late it comes.
type journal struct {
	file *os.File
	lock *flock.Flock
	last entry
	size int64 // of the file after that line
}

// claimJournal claims a journal for the term with the token. The claim is a line.
func claimJournal(path string, token uint64, node string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file, lock: flock.New(path + ".lock")}
	err = j.locked(func() error {
		entries, err := readEntries(path, file)
		if err != nil {
			return err
		}
		if n := len(entries); n > 0 {
			j.last = entries[n-1]
		}
		if j.last.Token > token {
			return fmt.Errorf("%s: token %d: %w, with token %d", path, token, errLate, j.last.Token)
		}
		j.last.Token, j.last.Node = token, node
		return j.write()
	})
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// append adds the next line.
func (j *journal) append() error {
	return j.locked(func() error {
		info, err := j.file.Stat()
		switch {
		case err != nil:
			return err
		case info.Size() != j.size:
			return fmt.Errorf("%s: token %d: %w", j.file.Name(), j.last.Token, errLate)
		}
		return j.write()
	})
}

// write writes the next line at once, so that a process that is killed leaves the whole line or none.
func (j *journal) write() error {
	j.last.Number, j.last.At = j.last.Number+1, time.Now()
	if _, err := fmt.Fprintln(j.file, j.last); err != nil {
		return err
	}
	info, err := j.file.Stat()
	if err == nil {
		j.size = info.Size()
	}
	return err
}

func (j *journal) locked(do func() error) error {
	if err := j.lock.Lock(); err != nil {
		return err
	}
	return errors.Join(do(), j.lock.Unlock())
}

func (j *journal) Close() error { return errors.Join(j.file.Close(), j.lock.Close()) }

// readJournal returns the lines of a journal.
func readJournal(path string) ([]entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readEntries(path, file)
}

func readEntries(path string, from io.Reader) (entries []entry, _ error) {
	data, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(data) {
		text, whole := strings.CutSuffix(string(line), "\n")
		if !whole {
			return nil, fmt.Errorf("%s: line %d is torn: %q", path, len(entries)+1, text)
		}
		e, err := parseEntry(text)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(entries)+1, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}
