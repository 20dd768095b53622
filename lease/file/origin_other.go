//go:build !linux && !darwin

package file

// bootID is empty: these systems do not say which start of the machine this is in a way that can be relied on. Windows
// documents no such number; the boot time of the BSDs moves when the wall clock is set.
func bootID() string { return "" }

func machineID() string { return "" }

func timeNamespace() string { return "" }
