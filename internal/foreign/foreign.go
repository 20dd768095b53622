// Package foreign has the error for an answer that is not the service's own: a filter, a captive portal or a proxy on the
// way may answer in its place, and a server that only resembles the service may, too.
package foreign

import "fmt"

// An Error is an answer without the service's own evidence. It is temporary, as such answers may soon end, and it leaves
// open whether the request reached the service (R4).
type Error struct {
	Service string // whose answer it is not
	Why     string // what shows that: "it has no ETag"
	Err     error  // the client's error about the answer; nil if there is none, or if nobody may take it for a refusal
}

// Error returns the cause, and then the advice.
func (e *Error) Error() string {
	text := fmt.Sprintf("the answer is not %s's own: %s", e.Service, e.Why)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + ": look for a proxy, a filter or a captive portal on the way, or correct the endpoint"
}

// Unwrap returns the client's error; nil if there is none.
func (e *Error) Unwrap() error { return e.Err }
