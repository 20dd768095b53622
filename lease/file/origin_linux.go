package file

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// bootFile has the ID of this boot, which is random: https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html
const bootFile = "/proc/sys/kernel/random/boot_id"

// bootID is empty in a container that shows another ID than the machine's. Two copies of a container have one machine ID: with a boot
// of each, they would pass for one machine before and after a restart, and take each other's leases.
//
// LXC (lxc_setup_boot_id in src/lxc/conf.c) and systemd-nspawn (setup_boot_id in src/nspawn/nspawn.c) mount another file over the
// kernel's. gVisor is a kernel itself, and makes an ID for each mount of its procfs; but it has no clock that counts suspension
// (host.SinceBoot), so a cell has no origin there either.
func bootID() string {
	if !isKernels(bootFile) {
		return ""
	}
	return line(bootFile)
}

// isKernels reports whether the file is in procfs itself, and no other is mounted over it.
func isKernels(file string) bool {
	var st unix.Statfs_t
	return unix.Statfs(file, &st) == nil && uint32(st.Type) == unix.PROC_SUPER_MAGIC
}

// machineID returns the ID of this machine: https://www.freedesktop.org/software/systemd/man/latest/machine-id.html
func machineID() string { return line("/etc/machine-id") }

// timeNamespace identifies the time namespace: https://man7.org/linux/man-pages/man7/time_namespaces.7.html
func timeNamespace() string {
	name, _ := os.Readlink("/proc/self/ns/time") // empty before Linux 5.6, which has no time namespaces
	return name
}

func line(file string) string {
	text, _ := os.ReadFile(file)
	return strings.TrimSpace(string(text))
}
