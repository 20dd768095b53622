// Package journal is the evidence of the experiments: numbered lines that leaders write. If two nodes had led at once, they
// would show that.
package journal

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

// An Entry is one line of a journal, and one piece of work.
type Entry struct {
	Number uint64 // one more than that of the line before, by any node
	Token  uint64 // of the term it was written in
	Node   string
	At     time.Time // by the wall clock, which all nodes share here: this is one machine
}

// String returns the line, without its end.
func (e Entry) String() string {
	return fmt.Sprintf("%d %d %s %s", e.Number, e.Token, e.Node, e.At.UTC().Format(time.RFC3339Nano))
}

func parseEntry(line string) (Entry, error) {
	fields := strings.Split(line, " ")
	if len(fields) != 4 || fields[2] == "" {
		return Entry{}, fmt.Errorf("it is not number, token, node and time: %q", line)
	}
	number, err1 := strconv.ParseUint(fields[0], 10, 64)
	token, err2 := strconv.ParseUint(fields[1], 10, 64)
	at, err3 := time.Parse(time.RFC3339Nano, fields[3])
	return Entry{Number: number, Token: token, Node: fields[2], At: at}, errors.Join(err1, err2, err3)
}

// Read returns what a journal holds; a journal that does not exist holds nothing.
func Read(path string) ([]Entry, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(path, data)
}

func parse(path string, data []byte) ([]Entry, error) {
	var entries []Entry
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

// Terms returns how many terms the entries are of.
func Terms(entries []Entry) int {
	tokens := map[uint64]bool{}
	for _, e := range entries {
		tokens[e.Token] = true
	}
	return len(tokens)
}
