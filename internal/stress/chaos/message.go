package chaos

import (
	"encoding/json"
	"os"
	"time"
)

// A Message is a worker's report about itself: a line of JSON on its standard output.
type Message struct {
	Did   Deed
	Token uint64        `json:",omitzero"` // of the term; for Leads, Stops, Returns, Refusal and Presides
	Part  string        `json:",omitzero"` // of a fleet, whose term that is
	Lost  bool          `json:",omitzero"` // for Stops: the lease is lost
	At    time.Duration // by Now; 0: as it is told
}

// A Deed is the kind of a message.
type Deed string

const (
	Leads    Deed = "leads"     // its work has begun
	Renews   Deed = "renews"    // a renewal was answered
	Stops    Deed = "stops"     // its work is told to return
	Returns  Deed = "returns"   // its work has returned
	Releases Deed = "releases"  // a release was answered
	StandsBy Deed = "stands by" // it asked for the lease, and another node has it
	Fails    Deed = "fails"     // it got no clear answer from the store
	Presides Deed = "presides"  // it is the coordinator of its fleet
	Refusal  Deed = "refusal"   // the register refused its token, for the first time in this term
	Shifted  Deed = "shifted"   // its wall clock was stepped
	Exits    Deed = "exits"     // it has ended; its parent reports this
)

// Tell prints the message, in one write.
func (m Message) Tell() {
	if m.At == 0 {
		m.At = Now()
	}
	line, _ := json.Marshal(m) // texts and numbers: no error
	_, _ = os.Stdout.Write(append(line, '\n'))
}
