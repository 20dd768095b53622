package file

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// origin says where and when a cell was written. It is empty on a system that does not tell.
type origin struct {
	Boot    string        `json:"boot,omitempty"`          // identifies this start of the machine
	Clock   time.Duration `json:"nanosSinceBoot,omitzero"` // by a clock that counts suspension
	Machine string        `json:"machine,omitempty"`       // a hash of the machine's ID
	TimeNS  string        `json:"timeNamespace,omitempty"` // Clock may count from another moment in each
}

// here returns the origin of a write made now. It reads everything each time, because a container can be moved.
func here() origin {
	o := origin{Boot: bootID(), Clock: host.SinceBoot()}
	if o.Boot == "" || o.Clock == 0 {
		return origin{}
	}
	o.Machine, o.TimeNS = machineHash(machineID()), timeNamespace()
	return o
}

// age returns a lower bound on how long ago, at now, a cell of this origin was sent; 0 if that cannot be known. The
// holder counts by the same clock from before the write (R2, R3). So it has stopped before anybody sees an age of its
// lease's length.
func (o origin) age(now origin) time.Duration {
	switch {
	case o.Boot == "" || o.Clock <= 0 || now.Boot == "":
		return 0
	case o.Machine != "" && now.Machine != "" && o.Machine != now.Machine:
		return 0 // the directory belongs to another machine, whose clocks run on
	case o.TimeNS != now.TimeNS:
		return 0 // the clocks count from different times
	case o.Boot == now.Boot && o.Clock > now.Clock:
		return 0 // nobody here can have written that
	case o.Boot == now.Boot:
		return max(now.Clock-o.Clock, 1) // at least 1: the age of a cell written just now is known, too
	case o.Machine == "" || now.Machine == "":
		return 0 // it may be another machine's
	}
	return lease.Forever // the machine has restarted
}

// machineHash distinguishes machines without revealing the ID, as machine-id(5) asks for.
func machineHash(id string) string {
	if id == "" || id == "uninitialized" { // the latter during a system's first start
		return ""
	}
	h := hmac.New(sha256.New, []byte(id))
	h.Write([]byte("github.com/cloudlease/leader/lease/file"))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
