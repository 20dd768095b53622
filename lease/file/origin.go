package file

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// origin is where and when a cell was written. It is empty where the system does not tell.
type origin struct {
	Boot    string        `json:"boot,omitempty"`          // which start of the machine
	Clock   time.Duration `json:"nanosSinceBoot,omitzero"` // by a clock that counts suspension
	Machine string        `json:"machine,omitempty"`       // a hash of the machine's ID
	TimeNS  string        `json:"timeNamespace,omitempty"` // what Clock counts from, besides the start
}

// dead is how old a cell is whose writer cannot live any more: older than any lease is long.
const dead = 10 * 365 * 24 * time.Hour

// here is the origin of a write that is made now. It is read anew each time: a container can be moved.
func here() origin {
	o := origin{Boot: bootID(), Clock: host.SinceBoot()}
	if o.Boot == "" || o.Clock == 0 {
		return origin{}
	}
	o.Machine, o.TimeNS = machineHash(machineID()), timeNamespace()
	return o
}

// age is a lower bound on how long ago, seen from now, a cell of this origin was sent; 0 if that cannot be known.
// The holder counts by the same clock from before the write (R2, R3), so it has stopped before anybody sees an age of
// its lease's length.
func (o origin) age(now origin) time.Duration {
	switch {
	case o.Boot == "" || o.Clock <= 0 || now.Boot == "":
		return 0
	case o.Machine != "" && now.Machine != "" && o.Machine != now.Machine:
		return 0 // the directory is another machine's, which runs on
	case o.TimeNS != now.TimeNS:
		return 0 // the clocks count from different times
	case o.Boot == now.Boot && o.Clock > now.Clock:
		return 0 // nobody wrote that here
	case o.Boot == now.Boot:
		return max(now.Clock-o.Clock, 1) // of one written just now it is known, too
	case o.Machine == "" || now.Machine == "":
		return 0 // it may be another machine's, too
	}
	return dead // the machine was started anew
}

// machineHash tells machines apart without giving the ID away, as machine-id(5) asks for.
func machineHash(id string) string {
	if id == "" || id == "uninitialized" { // the latter while a system starts for the first time
		return ""
	}
	h := hmac.New(sha256.New, []byte(id))
	h.Write([]byte("github.com/cloudlease/leader/lease/file"))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
