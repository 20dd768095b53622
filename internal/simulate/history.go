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
	instant time.Duration
	present []string // lines of this instant, not yet in order
}

func (h *history) add(now time.Duration, line string) {
	if now != h.instant {
		h.settle()
		h.instant = now
	}
	h.present = append(h.present, fmt.Sprintf("%10.3fs  %s", now.Seconds(), line))
}

// settle puts the lines of the instant in an order that does not depend on the scheduler.
func (h *history) settle() {
	slices.Sort(h.present)
	h.past = append(h.past, h.present...)
	h.present = h.present[:0]
}

func (h *history) String() string {
	h.settle()
	return strings.Join(h.past, "\n")
}
