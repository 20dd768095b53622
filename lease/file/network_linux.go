package file

import (
	"bytes"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// remote names the file systems of other machines, and those of several machines at once, by the number in statfs. The
// numbers are from https://man7.org/linux/man-pages/man2/statfs.2.html and the kernel's include/uapi/linux/magic.h;
// those without a name in either are from the file systems' own sources.
var remote = map[uint32]string{
	unix.NFS_SUPER_MAGIC:    "nfs",
	unix.CIFS_SUPER_MAGIC:   "cifs",
	unix.SMB2_SUPER_MAGIC:   "smb",
	unix.SMB_SUPER_MAGIC:    "smbfs",
	unix.NCP_SUPER_MAGIC:    "ncpfs",
	unix.AFS_SUPER_MAGIC:    "afs",
	unix.AFS_FS_MAGIC:       "afs",
	unix.CODA_SUPER_MAGIC:   "coda",
	unix.CEPH_SUPER_MAGIC:   "ceph",
	unix.V9FS_MAGIC:         "9p", // also from the host of a virtual machine or a container
	unix.OCFS2_SUPER_MAGIC:  "ocfs2",
	unix.HOSTFS_SUPER_MAGIC: "hostfs", // of the host of a user-mode Linux
	0x01161970:              "gfs2",
	0x0bd00bd0:              "lustre",
	0x47504653:              "gpfs",
	0x19830326:              "beegfs",
	0x20030528:              "orangefs",
	0xaad7aaea:              "panfs",
	0x786f4256:              "vboxsf",
	0xbacbacbc:              "vmhgfs",
	0x7c7c6673:              "prl_fs",
}

func networkFS(dir string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if uint32(st.Type) != unix.FUSE_SUPER_MAGIC {
		return remote[uint32(st.Type)], nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo") // without the file, the name is fuse
	return fuseName(mounts, uint64(info.Sys().(*syscall.Stat_t).Dev)), nil
}

// fuseName returns the name of the FUSE file system with this device number; empty for one on a block device.
// https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
func fuseName(mounts []byte, dev uint64) string {
	device := fmt.Appendf(nil, "%d:%d", unix.Major(dev), unix.Minor(dev))
	for line := range bytes.Lines(mounts) {
		before, after, _ := bytes.Cut(line, []byte(" - "))
		mount, fields := bytes.Fields(before), bytes.Fields(after)
		if len(mount) < 3 || len(fields) == 0 || !bytes.Equal(mount[2], device) {
			continue
		}
		if string(fields[0]) == "fuseblk" {
			return ""
		}
		return string(fields[0]) // fuse.sshfs, virtiofs
	}
	return "fuse"
}
