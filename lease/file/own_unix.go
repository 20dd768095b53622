//go:build unix

package file

import (
	"io/fs"
	"os"
	"syscall"
)

// own gives the file the owner and group of another. Without root, it can only set a group, and ignores a failure to.
func own(f *os.File, like fs.FileInfo) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	is, isUnix := info.Sys().(*syscall.Stat_t)
	want, wantUnix := like.Sys().(*syscall.Stat_t)
	if !isUnix || !wantUnix || is.Uid == want.Uid && is.Gid == want.Gid {
		return nil
	}
	if os.Geteuid() == 0 {
		return f.Chown(int(want.Uid), int(want.Gid))
	}
	_ = f.Chown(-1, int(want.Gid))
	return nil
}
