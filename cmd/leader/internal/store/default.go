package store

import (
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Default is the URL of a directory of this user's on this machine, so that everything works without any setup.
func Default() string {
	state := os.Getenv("XDG_STATE_HOME") // https://specifications.freedesktop.org/basedir-spec/latest/
	if !filepath.IsAbs(state) {          // the specification wants such a path passed over
		state = ""
	}
	if state == "" && runtime.GOOS == "windows" {
		state, _ = os.UserCacheDir() // %LOCALAPPDATA%: what is of this machine alone, and not taken to others
	}
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return FileURL(filepath.Join(state, "leader"))
}

// FileURL is the store URL of a directory whose path is absolute.
func FileURL(dir string) string {
	path := filepath.ToSlash(dir)
	if !strings.HasPrefix(path, "/") { // C:/Users/...
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
