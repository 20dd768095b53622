package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

// What to do about permanent errors.
const (
	allow     = "let this process's user read and write the directory and all in it, or name another directory"
	moveFile  = "name another directory, or move the file away that is where a directory has to be"
	writable  = "name a directory on a file system that can be written to"
	local     = "name a directory on a local file system, with file locks"
	shorter   = "name a directory whose path is shorter"
	otherName = "name a directory that there can be on this system"
	noLoop    = "name another directory, or correct the link in its path that leads to itself"
)

// A row says what to do about an error.
type row struct {
	err    error
	advice string
}

// permanent has the permanent errors, in addition to those of the system in permanentHere. All others are temporary: a full
// disk or quota (ENOSPC, EDQUOT), a disk's or a server's failure (EIO, ESTALE, ETIMEDOUT, ENOLCK), too many open files
// (EMFILE, ENFILE), too little memory (ENOMEM).
//
// https://man7.org/linux/man-pages/man2/open.2.html, rename.2.html, flock.2.html and mkdir.2.html say what each means.
var permanent = []row{
	{fs.ErrPermission, allow}, // EACCES, EPERM; ERROR_ACCESS_DENIED
	{syscall.ENOTDIR, moveFile},
	{syscall.EROFS, writable},
	{syscall.ELOOP, noLoop},
	{syscall.ENAMETOOLONG, shorter},
	{errors.ErrUnsupported, local}, // ENOSYS, ENOTSUP, EOPNOTSUPP; ERROR_NOT_SUPPORTED: no locks, no links
}

// classify returns what an error of the system means: a lease.MisconfiguredError if it is permanent. It names files as they are
// called in the directory.
func (s *Store) classify(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		e.Path = s.short(e.Path)
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		e.Old, e.New = s.short(e.Old), s.short(e.New)
	}
	for _, row := range slices.Concat(permanent, permanentHere) {
		if errors.Is(err, row.err) {
			return &lease.MisconfiguredError{Err: err, Advice: row.advice}
		}
	}
	return failure.WithCause(ctx, err)
}

// short returns the name of a file as errors show it: that in the store's directory, which the manager names already.
func (s *Store) short(path string) string {
	name := path // relative to the directory, or absolute
	if rel, err := filepath.Rel(s.dir, path); err == nil && filepath.IsLocal(rel) {
		name = rel
	}
	if name == "." {
		return "the directory"
	}
	return name
}
