package file

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

// Store is a lease.Store in a directory. It keeps no leases outside the directory, so any number of Stores, in any
// number of processes of this machine, may share one directory. Make it with NewStore. It is safe for concurrent use.
type Store struct {
	dir       string        // absolute; empty: none was named
	here      func() origin // returns the origin of a write made now
	network   func(dir string) (string, error)
	disk      disk
	busy      func(error) bool // reports that another program has the file open, and will close it
	lockReads bool             // on this system, a rename cannot replace a file that is being read
	ageless   bool
	watches   watches
	problem   error // the reason why no call can work
}

// NewStore returns a Store in the directory. Like New, it never fails. It resolves a relative path from the current
// working directory.
func NewStore(dir string, opts ...Option) *Store {
	s := &Store{dir: dir, here: here, network: networkFS, disk: realDisk, busy: busy, lockReads: runtime.GOOS == "windows"}
	s.problem = failure.Apply(s, opts)
	if err := s.resolve(dir, filepath.Abs); err != nil {
		s.problem = err
	}
	return s
}

// resolve sets the store's directory. A relative path means nothing if there is no working directory to be found.
func (s *Store) resolve(dir string, absolute func(string) (string, error)) (err error) {
	if dir == "" {
		return failure.Misconfigured("no directory is named", "pass one to file.New")
	}
	if s.dir, err = absolute(dir); err != nil {
		return failure.Misconfigured(fmt.Sprintf("the directory %q cannot be resolved: %v", dir, err), "name an absolute directory")
	}
	return nil
}

// String returns the place as the URL that Open takes: "file:///var/lib/leader".
func (s *Store) String() string {
	dir := filepath.ToSlash(s.dir)
	if len(filepath.VolumeName(s.dir)) == len("C:") {
		dir = "/" + dir // file:///C:/dir
	}
	return storeurl.Place("file", "", dir, nil)
}

// Load implements lease.Store. A directory that does not exist has no cells. A file that is not a cell's is an
// ErrRecord; missing permissions are an ErrMisconfigured.
func (s *Store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	p, err := s.place(ctx, name)
	if err != nil {
		return lease.Snapshot{}, err
	}
	if s.lockReads {
		unlock, err := s.lock(ctx, p, true)
		switch {
		case err == nil:
			defer unlock()
		case !missing(err): // without a lock file, nobody writes
			return lease.Snapshot{}, s.classify(ctx, err)
		}
	}
	return s.read(ctx, p)
}

// Swap implements lease.Store. While another process or goroutine writes the same cell, Swap waits until ctx ends. Data
// that is not UTF-8 text of at most 64 KiB is an ErrInvalid. For a cell that cannot be read, Swap returns the same
// error as Load, and leaves the cell as it is. A full disk is neither ErrRecord nor ErrMisconfigured, and leaves the
// cell as it was, too.
func (s *Store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	p, err := s.place(ctx, name)
	if err != nil {
		return "", err
	}
	if err := lease.CheckCell(data); err != nil {
		return "", err
	}
	if old == "" {
		if err := s.makeDirs(p); err != nil {
			return "", s.classify(ctx, err)
		}
	}
	unlock, err := s.lock(ctx, p, false)
	if missing(err) {
		if err := noFileAbove(p.dir()); err != nil {
			return "", s.classify(ctx, err)
		}
		return "", fmt.Errorf("%w: there is no %s any more", lease.ErrConflict, s.short(p.cell()))
	}
	if err != nil {
		return "", s.classify(ctx, err)
	}
	defer unlock()
	return s.swap(ctx, p, old, data)
}

// swap compares and writes the cell, under its lock.
func (s *Store) swap(ctx context.Context, p place, old lease.Version, data []byte) (lease.Version, error) {
	found, err := s.read(ctx, p)
	if err != nil {
		return "", err
	}
	if found.Version != old {
		return "", fmt.Errorf("%w: the version of %s is %q, not %q", lease.ErrConflict, s.short(p.cell()), found.Version, old)
	}
	if old == "" {
		if err := s.settle(p); err != nil {
			return "", s.classify(ctx, err)
		}
	}
	content := encode(s.here(), data)
	if err := s.write(ctx, p, content); err != nil {
		return "", s.classify(ctx, err)
	}
	return versionOf(content), nil
}

// List implements lease.Lister, in the order of the file names. It skips files that are not this package's.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		if s.problem != nil {
			yield(lease.Cell{}, s.problem)
			return
		}
		err := fs.WalkDir(s.disk.tree(s.dir), ".", func(file string, entry fs.DirEntry, err error) error {
			switch name, isCell := nameOf(file); {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case isCell && strings.HasPrefix(name, prefix):
				snapshot, err := s.Load(ctx, name)
				if err == nil && snapshot.Version == "" {
					return nil // gone meanwhile
				}
				if !yield(lease.Cell{Name: name, Snapshot: snapshot, Err: err}, nil) {
					return fs.SkipAll
				}
				return skip(entry)
			case file != "." && !isPiece(path.Base(file)):
				return skip(entry)
			case missing(err):
				return nil
			default:
				return err
			}
		})
		if err == nil {
			err = noFileAbove(s.dir)
		}
		if err != nil {
			yield(lease.Cell{}, s.classify(ctx, err))
		}
	}
}

// skip keeps a walk from descending into the entry, if it is a directory.
func skip(entry fs.DirEntry) error {
	if entry.IsDir() {
		return fs.SkipDir
	}
	return nil
}
