package chaos

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// An Effect is one action of a leader, and one line of the journal. Its times are of Now.
type Effect struct {
	Token   uint64
	Process string        // one run of one node
	Held    bool          // Check returned nil just before
	Verdict Verdict       // of the register
	Asked   time.Duration // just before Check was called
	Begun   time.Duration // right after Check had returned
	Ended   time.Duration
}

// A Verdict is the register's answer to a write.
type Verdict string

const (
	Accepted Verdict = "accepted"
	Refused  Verdict = "refused" // the token is smaller than one that it has seen
	Failed   Verdict = "failed"  // the database was busy, for example with a process that is suspended in a transaction
)

// Now reads a clock that all processes of the machine share, that nobody steps, and that never stands still. Where there is
// none, Now is the wall clock. This test does not step that clock: it shifts only what its workers read.
func Now() time.Duration {
	if boot := host.SinceBoot(); boot > 0 {
		return boot
	}
	return time.Duration(time.Now().UnixNano())
}

// Append adds the effect to a journal that was opened with os.O_APPEND. It does so in one write, so that lines of several
// processes do not mix, and a process that is killed leaves a whole line or none.
func (e Effect) Append(journal *os.File) error {
	_, err := fmt.Fprintln(journal, e.Token, e.Process, e.Held, e.Verdict, int64(e.Asked), int64(e.Begun), int64(e.Ended))
	return err
}

func parseEffect(line string) (e Effect, err error) {
	fields := strings.Split(line, " ")
	if len(fields) != 7 {
		return e, fmt.Errorf("it has %d fields, not 7: %q", len(fields), line)
	}
	e.Process, e.Verdict = fields[1], Verdict(fields[3])
	var errs [5]error
	e.Token, errs[0] = strconv.ParseUint(fields[0], 10, 64)
	e.Held, errs[1] = strconv.ParseBool(fields[2])
	for i, at := range []*time.Duration{&e.Asked, &e.Begun, &e.Ended} {
		var ns int64
		ns, errs[2+i] = strconv.ParseInt(fields[4+i], 10, 64)
		*at = time.Duration(ns)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return e, fmt.Errorf("%w: %q", err, line)
	}
	return e, nil
}
