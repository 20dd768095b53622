package fleets

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
)

// A Figure is the measurement of a test of package fleet.
type Figure struct {
	What    string  `json:"what"`
	Unit    string  `json:"unit"`
	Of      int     `json:"of"` // how often it was measured
	Median  float64 `json:"median"`
	P99     float64 `json:"p99"`
	Longest float64 `json:"longest"`
}

// measuring are the tests that measure.
const measuring = `^(TestRequestsAtRest|TestTimes|TestRollingRestart|TestManyNodesStartAtOnce|TestManyParts|TestMemoryOfAPart)$`

// virtual runs the tests that measure in virtual time, and reads their figures. A test that fails has missed a goal: the figure shows it.
func virtual(ctx context.Context, o Options) ([]Figure, error) {
	o.Log("in virtual time: %d times each", o.Times)
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-timeout=0", "./fleet", "-run", measuring,
		"-timings", strconv.Itoa(o.Times), "-nodes", "200", "-counted", "1h")
	cmd.Dir = o.Root
	out, failed := cmd.Output()
	all, err := figures(out)
	if err != nil || len(all) == 0 {
		return nil, fmt.Errorf("measure in virtual time: %w: %v\n%s", failed, err, out[max(0, len(out)-2000):])
	}
	return all, ctx.Err()
}

// figures reads the figures among what go test -json prints.
func figures(out []byte) (all []Figure, err error) {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var event struct{ Action, Key, Value string }
		if json.Unmarshal(lines.Bytes(), &event) != nil || event.Action != "attr" || event.Key != "figure" {
			continue
		}
		var f Figure
		if err := json.Unmarshal([]byte(event.Value), &f); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}
