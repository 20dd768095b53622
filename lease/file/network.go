package file

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// NetworkFS returns the name of the file system that the directory is on, if that is a network file system or another
// that several machines can have at once (nfs, cifs, fuse.sshfs, 9p), which the package is not for. It is empty if the
// file system is local, or if the system does not tell. A directory that does not exist yet is taken to be where the
// nearest one above it is.
//
// A FUSE file system counts, unless it is of a block device: most of them are of something elsewhere.
func NetworkFS(dir string) (name string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("file system of %q: %w", dir, err)
	}
	for at := abs; ; at = filepath.Dir(at) {
		name, err = networkFS(at)
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("file system of %q: %w", dir, err)
	}
	return name, nil
}
