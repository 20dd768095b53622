package file

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/cloudlease/leader/lease"
)

// What to do about permanent errors.
const (
	allow     = "let this process's user read and write the directory and all in it, or name another directory"
	moveFile  = "a file is where a directory has to be: name another directory, or move the file away"
	writable  = "name a directory on a file system that can be written to"
	local     = "name a directory on a local file system, with file locks"
	shorter   = "name a directory whose path is shorter"
	otherName = "name a directory that there can be on this system"
	noLoop    = "a link in the directory's path leads to itself: name another directory, or correct the link"
)

// A row says what to do about an error.
type row struct {
	err    error
	advice string
}

// forGood has the permanent errors, in addition to those of the system in forGoodHere. All others are temporary: a full
// disk or quota (ENOSPC, EDQUOT), a disk's or a server's failure (EIO, ESTALE, ETIMEDOUT, ENOLCK), too many open files
// (EMFILE, ENFILE), too little memory (ENOMEM).
//
// https://man7.org/linux/man-pages/man2/open.2.html, rename.2.html, flock.2.html and mkdir.2.html say what each means.
var forGood = []row{
	{fs.ErrPermission, allow}, // EACCES, EPERM; ERROR_ACCESS_DENIED
	{syscall.ENOTDIR, moveFile},
	{syscall.EROFS, writable},
	{syscall.ELOOP, noLoop},
	{syscall.ENAMETOOLONG, shorter},
	{errors.ErrUnsupported, local}, // ENOSYS, ENOTSUP, EOPNOTSUPP; ERROR_NOT_SUPPORTED: no locks, no links
}

// diagnose marks a permanent error as ErrMisconfigured, and says what to do about it.
func diagnose(err error) error {
	for _, row := range slices.Concat(forGood, forGoodHere) {
		if errors.Is(err, row.err) {
			return fmt.Errorf("%w: %w: %s", lease.ErrMisconfigured, err, row.advice)
		}
	}
	return err
}
