package file

import "golang.org/x/sys/unix"

// bootID is a UUID that the kernel draws when it starts.
// https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/kern_sysctl.c (kern.bootsessionuuid)
func bootID() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
}

// machineID is empty: the system gives it to C programs only. So what was written before a restart may be another machine's.
func machineID() string { return "" }

func timeNamespace() string { return "" }
