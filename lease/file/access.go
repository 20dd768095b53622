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

// access says who may use a file. A new file is for everybody who may use the directory.
type access struct {
	mode fs.FileMode
	like fs.FileInfo // a file with the owner and group to set
	keep bool        // the file replaces like, and must keep its owner
}

// access returns the access of a new file.
func (s *Store) access() (access, error) {
	info, err := os.Stat(s.dir)
	if err != nil {
		return access{}, err
	}
	return access{mode: info.Mode() & 0o666, like: info}, nil
}

// accessOf returns the access of the cell's file: that of the existing file, if there is one.
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

// give sets the owner, group and permissions of a file that this process has just made. It returns an error if root
// would take a file from its owner by replacing it. Other users cannot give files to another user, only to a group that
// they are in.
func (a access) give(f *os.File) error {
	err := own(f, a.like)
	_ = f.Chmod(a.mode) // undoes the umask; a file system without permissions needs none
	if a.keep {
		return err
	}
	return nil
}

// makeDirs makes the directories for the cell. Those of a long name appear with the permissions of the store's
// directory.
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
	// The rename may replace a directory that somebody has made meanwhile, if that is empty.
	if err := os.Rename(temp, dir); err != nil {
		_ = os.Remove(temp)
		if _, there := os.Lstat(dir); there != nil {
			return err
		}
	}
	return nil
}

// makeOpenDir makes a directory for everybody who may use the store's.
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

// settle syncs the directories of a new cell to the disk, so that they survive a power failure together with the cell.
// It runs before the cell's first write: a process that finds the cell can rely on it, even if the writer was killed
// after that write.
func (s *Store) settle(p place) error {
	for dir := p.dir(); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		err := s.syncDir(filepath.Dir(dir))
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
			continue // this process may not change it, so it has not
		}
		if err != nil {
			return err
		}
	}
	return nil
}
