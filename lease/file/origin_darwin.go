package file

import "golang.org/x/sys/unix"

// bootID returns a UUID that the kernel generates when it starts.
// https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/kern_sysctl.c (kern.bootsessionuuid)
func bootID() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
}

// machineID is empty: only C programs can get it. So a record from before a restart may be another machine's.
func machineID() string { return "" }

func timeNamespace() string { return "" }
