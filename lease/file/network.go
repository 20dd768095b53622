package file

import (
	"fmt"
	"path/filepath"
)

// NetworkFS returns the name of the directory's file system if that is a network file system, or another that several
// machines can have mounted at once (nfs, cifs, fuse.sshfs, 9p). The package must not be used on these. The name is
// empty if the file system is local, or if the system does not tell. For a directory that does not exist yet, NetworkFS
// looks at the nearest existing one above it.
//
// A FUSE file system counts as remote, unless it is on a block device: most of them show something remote.
func NetworkFS(dir string) (name string, err error) { return networkAbove(dir, networkFS) }

func networkAbove(dir string, of func(dir string) (string, error)) (name string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("file system of %q: %w", dir, err)
	}
	for at := abs; ; at = filepath.Dir(at) {
		name, err = of(at)
		if !missing(err) || at == filepath.Dir(at) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("file system of %q: %w", dir, err)
	}
	return name, nil
}
