//go:build !linux && !windows && !darwin && !freebsd && !dragonfly && !openbsd && !netbsd

package file

func networkFS(string) (string, error) { return "", nil }
