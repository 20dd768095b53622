package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/cloudlease/leader/lease"
)

// disk has the functions that bring changes to the disk, and those that look for the directory. Tests replace them.
type disk struct {
	stat   func(path string) (fs.FileInfo, error)
	tree   func(dir string) fs.FS
	sync   func(*os.File) error
	link   func(from, to string) error
	rename func(from, to string) error
}

var realDisk = disk{stat: os.Stat, tree: os.DirFS, sync: (*os.File).Sync, link: os.Link, rename: os.Rename}

// read reads the cell's file.
func (s *Store) read(ctx context.Context, p place) (lease.Snapshot, error) {
	var content []byte
	err := patiently(ctx, s.busy, func() (err error) {
		content, err = readFile(p.cell())
		return err
	})
	if missing(err) {
		err = noFileAbove(p.dir())
		if err == nil {
			return lease.Snapshot{}, nil
		}
	}
	if err != nil {
		return lease.Snapshot{}, s.classify(ctx, err)
	}
	h, data, err := decode(content)
	if err != nil {
		todo := ": repair it, or move it away while nobody runs"
		if errors.Is(err, lease.ErrNewer) {
			todo = ""
		}
		return lease.Snapshot{}, fmt.Errorf("%w: %s: %w; it is left as it is%s", lease.ErrRecord, s.short(p.cell()), err, todo)
	}
	return lease.Snapshot{Data: data, Version: versionOf(content), Age: s.age(h.origin)}, nil
}

// age returns the age of a cell of this origin. On a network file system it is unknown: if machines are copies of one
// another, IDs included, each would take the others' cells for its own from before a restart.
func (s *Store) age(of origin) time.Duration {
	if s.ageless {
		return 0
	}
	if network, err := s.network(s.dir); err != nil || network != "" {
		return 0
	}
	return of.age(s.here())
}

// missing reports whether something does not exist. An unreachable server does not prove that, though errors.Is says
// so: https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes--0-499- (ERROR_BAD_NETPATH).
func missing(err error) bool {
	const badNetPath = syscall.Errno(53)
	return errors.Is(err, fs.ErrNotExist) && !errors.Is(err, badNetPath)
}

// noFileAbove returns an error if the directory cannot exist, because a file is in its place or above it. Some systems
// report that by themselves; Windows only says that anything below a file does not exist.
func noFileAbove(dir string) error {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && !info.IsDir():
			return &fs.PathError{Op: "open", Path: at, Err: syscall.ENOTDIR}
		case err == nil, at == filepath.Dir(at):
			return nil
		}
	}
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		return nil, &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w: it is not a file but %v: move it away", lease.ErrRecord, info.Mode())}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1)) // one byte more than a cell's file may have, to notice a larger file
}

// write replaces the cell's file, under its lock. At any instant either the old or the new content is there, and when
// write returns, the new content is on the disk. The new file keeps the old one's permissions and, if root writes, owner.
func (s *Store) write(ctx context.Context, p place, content []byte) error {
	to, err := s.accessOf(p)
	if err != nil {
		return err
	}
	inTheWay := func(err error) bool { return s.busy(err) || s.lockReads && errors.Is(err, fs.ErrPermission) }
	err = patiently(ctx, inTheWay, func() error {
		_ = os.Remove(p.temp()) // left by a killed writer, perhaps another user, whose file this user cannot open
		return s.writeFile(p.temp(), to, content)
	})
	if err != nil {
		_ = os.Remove(p.temp())
		return err
	}
	err = patiently(ctx, inTheWay, func() error { return s.disk.rename(p.temp(), p.cell()) })
	if err != nil {
		_ = os.Remove(p.temp())
		if inTheWay(err) { // %v: permissions are not the problem, as they sufficed for the file beside it
			return fmt.Errorf("replace %s, which another program has open: close it there, or keep that program "+
				"(a scanner, a backup) from the directory: %v", s.short(p.cell()), err)
		}
		return err
	}
	return s.syncDir(p.dir())
}

func (s *Store) writeFile(path string, to access, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, to.mode.Perm())
	if err != nil {
		return err
	}
	err = to.give(f)
	if err == nil {
		_, err = f.Write(content)
	}
	if err == nil {
		err = s.disk.sync(f)
	}
	return cmp.Or(err, f.Close())
}

// syncDir brings a directory's entries to the disk, if the system can do that on request.
func (s *Store) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = s.disk.sync(d)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // the file system writes directories at once, or never on request
	}
	return cmp.Or(err, d.Close())
}
