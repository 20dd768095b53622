package file

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// networkFS recognizes shares by their path, and drives by what the system says about them.
// https://learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-getdrivetypew
func networkFS(dir string) (string, error) {
	if _, err := os.Stat(dir); err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil { // a link may lead to a share
		dir = real
	}
	volume := filepath.VolumeName(dir)
	switch share := strings.TrimPrefix(volume, `\\?\`); {
	case strings.HasPrefix(strings.ToUpper(share), `UNC\`), strings.HasPrefix(share, `\\`) && !strings.HasPrefix(share, `\\.\`):
		return "network share", nil
	}
	root, err := windows.UTF16PtrFromString(volume + `\`)
	if err != nil {
		return "", &os.PathError{Op: "GetDriveType", Path: dir, Err: err}
	}
	if windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		return "network drive", nil
	}
	return "", nil
}
