package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// history has a line for each thing that happened, if told is set.
type history struct {
	told    bool
	past    []string
	present []string // lines of this instant, not yet in order
}

func (h *history) add(now time.Duration, line string) {
	h.present = append(h.present, fmt.Sprintf("%10.3fs  %s", now.Seconds(), line))
}

// settle puts the lines of the instant in an order that does not depend on the scheduler.
func (h *history) settle() {
	if h.told {
		slices.Sort(h.present)
		h.past = append(h.past, h.present...)
		h.present = h.present[:0]
	}
}

func (h *history) String() string { return strings.Join(h.past, "\n") }
