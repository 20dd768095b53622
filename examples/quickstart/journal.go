package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// An entry is one line of the journal, and one piece of work that a leader did.
type entry struct {
	Number uint64 // one more than that of the line before, by any node
	Token  uint64 // of the term it was written in
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

// A journal is a file that one node at a time appends to. Nothing in it keeps a second writer out: that is the lease's
// task, and what verify looks for.
type journal struct {
	file *os.File
	last uint64 // number of the last line
}

// openJournal opens the journal to write on from its last line.
func openJournal(path string) (*journal, error) {
	entries, err := readJournal(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file}
	if len(entries) > 0 {
		j.last = entries[len(entries)-1].Number
	}
	return j, nil
}

// append adds the next line, in one write, so that a process that is killed leaves the whole line or none.
func (j *journal) append(token uint64, node string) error {
	j.last++
	_, err := fmt.Fprintln(j.file, entry{j.last, token, node, time.Now()})
	return err
}

func (j *journal) Close() error { return j.file.Close() }

// readJournal returns what the journal holds; a journal that does not exist holds nothing.
func readJournal(path string) ([]entry, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseJournal(path, data)
}

func parseJournal(path string, data []byte) ([]entry, error) {
	var entries []entry
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
