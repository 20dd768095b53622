package candidate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/bench/internal/peer"
)

// A Line reports one moment of a candidate: when it was, by Now, and which.
type Line struct {
	At     time.Duration
	Moment peer.Moment
}

// String returns the line without its end: nanoseconds, and the moment.
func (l Line) String() string {
	return strconv.FormatInt(int64(l.At), 10) + " " + string(l.Moment)
}

// Parse reads a line that String has written.
func Parse(text string) (Line, error) {
	at, moment, ok := strings.Cut(text, " ")
	ns, err := strconv.ParseInt(at, 10, 64)
	if !ok || moment == "" || err != nil {
		return Line{}, fmt.Errorf("%q is not a line of a candidate's: nanoseconds and a moment", text)
	}
	return Line{At: time.Duration(ns), Moment: peer.Moment(moment)}, nil
}
