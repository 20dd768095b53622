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

	"github.com/gofrs/flock"

	"github.com/cloudlease/leader/lease"
)

// disk is what brings changes to the disk, in the order in which it is asked to.
type disk struct {
	sync   func(*os.File) error
	rename func(from, to string) error
}

var realDisk = disk{sync: (*os.File).Sync, rename: os.Rename}

// lockEvery is how often a lock is tried that somebody else has: about as long as a disk takes to write.
const lockEvery = 5 * time.Millisecond

// lock waits for the cell's lock until ctx ends. It is an fs.ErrNotExist if the cell's directory does not exist.
func (s *Store) lock(ctx context.Context, p place, shared bool) (unlock func(), err error) {
	mode, err := s.mode()
	if err != nil {
		return nil, err
	}
	l := flock.New(p.lock(), flock.SetPermissions(fileMode(mode)))
	try := l.TryLockContext
	if shared {
		try = l.TryRLockContext
	}
	_, err = try(ctx, lockEvery)
	if err == nil {
		return func() { _ = l.Unlock() }, nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil, fmt.Errorf("waited for the lock on %s, which another process had; if one is stuck or suspended, "+
			"end it or let it go on (lsof or fuser names it): %w", p.lock(), context.Cause(ctx))
	}
	return nil, err
}

// mode is the directory's permissions. Whoever may use the directory is to use what is in it.
func (s *Store) mode() (fs.FileMode, error) {
	info, err := os.Stat(s.dir)
	if err != nil {
		return 0, err
	}
	return info.Mode() & (fs.ModePerm | fs.ModeSetgid), nil
}

func fileMode(dir fs.FileMode) fs.FileMode { return dir & 0o666 }

// makeDirs makes the directories that the cell is to be in.
func (s *Store) makeDirs(p place) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return os.MkdirAll(p.dir(), 0o700) // settle opens it to others
}

// settle prepares for a new cell, so that where there is a cell, its directories survive a power failure and are open to
// whoever may use them. It comes before the cell's first write, not after: whoever finds the cell need not wonder
// whether the one who made it was killed in between.
func (s *Store) settle(p place) error {
	mode, err := s.mode()
	if err != nil {
		return err
	}
	// Errors do not matter: where these are not ours, or have no permissions, they are as open as they can be.
	_ = os.Chmod(p.lock(), fileMode(mode))
	for dir := p.dir(); dir != s.dir; dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, mode)
	}
	for dir := p.dir(); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		err := s.syncDir(filepath.Dir(dir))
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
			continue // not for this process to change, so not changed by it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read reads the cell's file.
func (s *Store) read(p place) (lease.Snapshot, error) {
	content, err := readFile(p.cell())
	if errors.Is(err, fs.ErrNotExist) {
		return lease.Snapshot{}, nil
	}
	if err != nil {
		return lease.Snapshot{}, diagnose(err)
	}
	h, data, err := decode(content)
	if err != nil {
		return lease.Snapshot{}, fmt.Errorf("%w: %s: %w; it is left as it is: repair it, or move it away while nobody runs",
			lease.ErrRecord, p.cell(), err)
	}
	return lease.Snapshot{Data: data, Version: versionOf(content), Age: h.age(s.here())}, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its other end
		return nil, fmt.Errorf("%w: %s is not a file but %v: move it away", lease.ErrRecord, path, info.Mode())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1)) // the one byte more shows a file of which this is not all
}

// write replaces the cell's file, under its lock: at any instant the old content is there or the new, and the new is on
// the disk when it returns.
func (s *Store) write(p place, content []byte) error {
	mode, err := s.mode()
	if err != nil {
		return err
	}
	_ = os.Remove(p.temp()) // of a writer that was killed, perhaps another user's, whose file this user cannot open
	if err := s.writeFile(p.temp(), fileMode(mode), content); err != nil {
		_ = os.Remove(p.temp())
		return err
	}
	if err := s.disk.rename(p.temp(), p.cell()); err != nil {
		return err
	}
	return s.syncDir(p.dir())
}

func (s *Store) writeFile(path string, mode fs.FileMode, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_ = f.Chmod(mode) // the umask took from it; where there are no permissions, none are needed
	_, err = f.Write(content)
	if err == nil {
		err = s.disk.sync(f)
	}
	return cmp.Or(err, f.Close())
}

// syncDir brings a directory's entries to the disk, where the system can do that on request.
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
		err = nil // a file system that writes directories at once, or never on request
	}
	return cmp.Or(err, d.Close())
}

// diagnose marks what will not mend itself, and says what to do about it. A full disk is not of the kind.
func diagnose(err error) error {
	advice := ""
	switch {
	case errors.Is(err, fs.ErrPermission):
		advice = "let this process's user read and write the directory and all in it, or name another directory"
	case errors.Is(err, syscall.ENOTDIR):
		advice = "a file is where a directory has to be: name another directory, or move the file away"
	case errors.Is(err, syscall.EROFS):
		advice = "name a directory on a file system that can be written to"
	case errors.Is(err, errors.ErrUnsupported):
		advice = "name a directory on a local file system, with file locks"
	default:
		return err
	}
	return fmt.Errorf("%w: %w: %s", lease.ErrMisconfigured, err, advice)
}
