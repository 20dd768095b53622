package file

import (
	"os"

	"golang.org/x/sys/unix"
)

func networkFS(dir string) (string, error) {
	var st unix.Statvfs_t
	if err := unix.Statvfs(dir, &st); err != nil {
		return "", &os.PathError{Op: "statvfs", Path: dir, Err: err}
	}
	if st.Flag&unix.MNT_LOCAL != 0 {
		return "", nil
	}
	return unix.ByteSliceToString(st.Fstypename[:]), nil
}
