package failure

import "fmt"

// Apply calls the options on what they change, and returns the error of all calls of a store that was made with a nil one: nobody
// knows what that was to change. Nil if all are there.
func Apply[T any, O ~func(*T)](to *T, opts []O) (problem error) {
	for i, opt := range opts {
		if opt == nil {
			problem = Misconfigured(fmt.Sprintf("option %d of %d is nil", i+1, len(opts)), "leave it out")
			continue
		}
		opt(to)
	}
	return problem
}
