package file

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

func TestNetworkFileSystems(t *testing.T) {
	t.Parallel()
	for magic, want := range map[uint32]string{ // as man 2 statfs has them
		0x6969: "nfs", 0xff534d42: "cifs", 0xfe534d42: "smb", 0x517b: "smbfs", 0x01021997: "9p", 0x00c36400: "ceph", 0x5346414f: "afs",
		0x7461636f: "ocfs2", 0x73757245: "coda", 0x564c: "ncpfs", 0x0bd00bd0: "lustre", 0x47504653: "gpfs", 0x786f4256: "vboxsf", 0x00c0ffee: "hostfs",
		0xef53: "", 0x58465342: "", 0x9123683e: "", 0x01021994: "", 0x794c7630: "", 0x2fc12fc1: "", // ext4, xfs, btrfs, tmpfs, overlay, zfs
	} {
		assert.Equal(t, want, remote[magic], "%#x", magic)
	}
}

func TestFUSE(t *testing.T) {
	t.Parallel()
	const mounts = `22 1 254:0 / / rw,relatime - ext4 /dev/root rw
36 22 0:31 / /mnt/a\040b rw,nosuid shared:1 master:2 - fuse.sshfs me@there:/x rw,user_id=0
37 22 8:17 / /mnt/usb rw - fuseblk /dev/sdb1 rw
38 22 0:33 / /mnt/host rw - virtiofs share rw

39 22
40 22 0:34 / /mnt/odd rw -` + " "
	for want, dev := range map[string]uint64{
		"fuse.sshfs": unix.Mkdev(0, 31), "": unix.Mkdev(8, 17), "virtiofs": unix.Mkdev(0, 33), "fuse": unix.Mkdev(0, 34),
	} {
		assert.Equal(t, want, fuseName([]byte(mounts), dev))
	}
	assert.Equal(t, "fuse", fuseName(nil, 1))
}
