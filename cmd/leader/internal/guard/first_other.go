//go:build !linux

package guard

// AsFirst is for PID namespaces, which only Linux has.
func AsFirst() (code int, is bool) { return 0, false }
