package file

import (
	"os"
	"strings"
)

// bootID returns the ID of this boot, which is random: https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html
func bootID() string { return line("/proc/sys/kernel/random/boot_id") }

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
