package nodes

import (
	"encoding/json"
	"io"
	"os"
)

// A Message goes from a node to the experiment: a line of JSON on standard output.
type Message struct {
	Did   string
	Part  string `json:",omitempty"`
	Token uint64 `json:",omitempty"`
	Why   string `json:",omitempty"`
}

// Exited says that a node's process has ended. The experiment itself says so; Why is the exit status.
const Exited = "exited"

// Tell sends a message to the experiment.
func Tell(m Message) {
	line, _ := json.Marshal(m) // texts and a number: no error
	_, _ = os.Stdout.Write(append(line, '\n'))
}

// OnDismissal calls stop when the experiment wants this process to end, or has ended itself: then standard input is closed.
// It works on every system. Its goroutine ends with the process.
func OnDismissal(stop func()) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
}
