package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Record is a measurement as it is kept: docs/benchmarks/<part>.json.
type Record struct {
	About
	Result json.RawMessage `json:"result"`
}

// Keep writes a measurement's result to a file of the folder.
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

// Kept reads what Keep wrote; errors.Is(err, fs.ErrNotExist) if it has not been measured.
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

// numbers is an array of numbers in indented JSON. No string looks like it: a line does not end within one.
var numbers = regexp.MustCompile(`\[\n\s*(?:-?\d[-+.\deE]*,\n\s*)*-?\d[-+.\deE]*\n\s*\]`)

// compact puts arrays of numbers, of which there are long ones, on one line each.
func compact(indented []byte) []byte {
	return numbers.ReplaceAllFunc(indented, func(array []byte) []byte {
		return []byte("[" + strings.Join(strings.Fields(strings.Trim(string(array), "[]")), " ") + "]")
	})
}
