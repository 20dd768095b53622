package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
)

// access is who may use a file: whoever may use the directory, if it is a new one.
type access struct {
	mode fs.FileMode
	like fs.FileInfo // whose it is to be
	keep bool        // it is like that already
}

// access returns that of a new file.
func (s *Store) access() (access, error) {
	info, err := os.Stat(s.dir)
	if err != nil {
		return access{}, err
	}
	return access{mode: info.Mode() & 0o666, like: info}, nil
}

// accessOf returns that of the cell's file: as the one that is there.
func (s *Store) accessOf(p place) (access, error) {
	info, err := os.Stat(p.cell())
	if missing(err) {
		return s.access()
	}
	if err != nil {
		return access{}, err
	}
	return access{mode: info.Mode().Perm(), like: info, keep: true}, nil
}

// give gives the file, which this process has just made, to those whose it is to be. It is an error if root would take a
// file from its owner by replacing it. Others can give nothing to another user, but something to a group that they are in.
func (a access) give(f *os.File) error {
	err := own(f, a.like)
	_ = f.Chmod(a.mode) // the umask took from it; where there are no permissions, none are needed
	if a.keep {
		return err
	}
	return nil
}

// makeDirs makes the directories that the cell is to be in. Those of a long name appear with the permissions of the
// store's directory.
func (s *Store) makeDirs(p place) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	var dirs []string
	for dir := p.dir(); dir != s.dir; dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
	}
	for _, dir := range slices.Backward(dirs) {
		if err := s.makeDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) makeDir(dir string) error {
	if _, err := os.Lstat(dir); !missing(err) {
		return err
	}
	if runtime.GOOS == "windows" { // which has no umask
		if err := os.Mkdir(dir, 0o700); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	}
	temp := dir + "." + few()
	if err := s.makeOpenDir(temp); err != nil {
		return err
	}
	// Renamed over a directory that somebody has made meanwhile, it replaces it if that is empty.
	if err := os.Rename(temp, dir); err != nil {
		_ = os.Remove(temp)
		if _, there := os.Lstat(dir); there != nil {
			return err
		}
	}
	return nil
}

// makeOpenDir makes a directory that is open to whoever may use the store's.
func (s *Store) makeOpenDir(dir string) error {
	info, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	_ = access{mode: info.Mode() & (fs.ModePerm | fs.ModeSetgid), like: info}.give(f)
	return nil
}

// settle brings the directories of a new cell to the disk, so that where there is a cell, they survive a power failure. It
// comes before the cell's first write, not after: whoever finds the cell need not wonder whether the one who made it
// was killed in between.
func (s *Store) settle(p place) error {
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
