package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Record is a measurement as kept in docs/benchmarks/<part>.json.
type Record struct {
	About
	Result json.RawMessage `json:"result"`
}

// Keep writes a measurement's result to a file in the folder.
func Keep(folder string, about About, result any) error {
	raw, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("keep the results of %s: %w", about.Part, err)
	}
	data, err := json.MarshalIndent(Record{about, raw}, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the results of %s: %w", about.Part, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("keep the results of %s: %w", about.Part, err)
	}
	if err := os.WriteFile(file(folder, about.Part), append(compact(data), '\n'), 0o644); err != nil {
		return fmt.Errorf("keep the results of %s: %w", about.Part, err)
	}
	return nil
}

// Kept reads what Keep has written. If the part has not been measured, the error is fs.ErrNotExist.
func Kept(folder, part string) (Record, error) {
	data, err := os.ReadFile(file(folder, part))
	if err != nil {
		return Record{}, err
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("read %s: %w; measure it again", file(folder, part), err)
	}
	return r, nil
}

func file(folder, part string) string { return filepath.Join(folder, part+".json") }

// numbers matches an array of numbers in indented JSON. It matches in no string, as strings have no line breaks.
var numbers = regexp.MustCompile(`\[\n\s*(?:-?\d[-+.\deE]*,\n\s*)*-?\d[-+.\deE]*\n\s*\]`)

// compact puts each array of numbers on one line, as there are long ones.
func compact(indented []byte) []byte {
	return numbers.ReplaceAllFunc(indented, func(array []byte) []byte {
		return []byte("[" + strings.Join(strings.Fields(strings.Trim(string(array), "[]")), " ") + "]")
	})
}
