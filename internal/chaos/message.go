package chaos

import (
	"encoding/json"
	"os"
	"time"
)

// A Message is what a worker tells of itself: a line of JSON on its standard output.
type Message struct {
	Did   Deed
	Token uint64        `json:",omitzero"` // of the term: Leads, Stops and Returns
	Lost  bool          `json:",omitzero"` // Stops: because the lease is lost
	At    time.Duration // by Now
}

// A Deed is what a worker does.
type Deed string

const (
	Leads    Deed = "leads"     // its work has begun
	Renews   Deed = "renews"    // and got the answer
	Stops    Deed = "stops"     // its work is to return
	Returns  Deed = "returns"   // its work has returned
	Releases Deed = "releases"  // the lease, and got the answer
	StandsBy Deed = "stands by" // asked for the lease, which is somebody else's
	Fails    Deed = "fails"     // to get a clear answer from the store
	Refusal  Deed = "refusal"   // the register refused its token, for the first time in this term
	Shifted  Deed = "shifted"   // its wall clock
	Exits    Deed = "exits"     // told by whoever started it
)

// Tell tells it, in one write.
func (m Message) Tell() {
	m.At = Now()
	line, _ := json.Marshal(m) // texts and numbers: no error
	_, _ = os.Stdout.Write(append(line, '\n'))
}
