//go:build !linux && !darwin

package file

// bootID is empty: these systems do not reliably identify a start of the machine. Windows documents no such number, and
// the boot time of the BSDs moves when the wall clock is set.
func bootID() string { return "" }

func machineID() string { return "" }

func timeNamespace() string { return "" }
