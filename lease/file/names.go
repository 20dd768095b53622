package file

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/cloudlease/leader/lease"
)

// A lease's name becomes a path of pieces, all but the last of which are directories. Every piece begins with a prefix,
// so that none is reserved on Windows (con), hidden, or a step out of the directory. A piece has only lower-case
// letters, digits and a few signs, so that file systems that fold case or normalise Unicode keep two names apart. With
// its suffix, it stays below the 143 bytes of a file name on the strictest file system in use (eCryptfs).
const (
	prefix   = "lease-"
	maxPiece = 120 // of the escaped name

	cellSuffix = ".json"
	lockSuffix = ".lock"
	tempSuffix = ".tmp"
)

// A place locates a cell: the path of its files, without their suffixes.
type place string

func (p place) cell() string { return string(p) + cellSuffix }
func (p place) lock() string { return string(p) + lockSuffix }
func (p place) temp() string { return string(p) + tempSuffix }
func (p place) dir() string  { return filepath.Dir(string(p)) }

// place comes first in every call: it returns the place of the cell, or an error if there is nothing to do.
func (s *Store) place(ctx context.Context, name string) (place, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if s.problem != nil {
		return "", s.problem
	}
	if err := lease.CheckName(name); err != nil {
		return "", err
	}
	return place(filepath.Join(s.dir, filepath.FromSlash(stem(name)))), nil
}

// stem returns the path of a lease's files in the directory, with slashes and without suffix.
func stem(name string) string {
	var b strings.Builder
	rest := escape(name)
	for ; len(rest) > maxPiece; rest = rest[maxPiece:] {
		b.WriteString(prefix + rest[:maxPiece] + "/")
	}
	b.WriteString(prefix + rest)
	return b.String()
}

func escape(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

// nameOf returns the lease's name for a cell's path in the directory. A path that stem cannot have made is not a
// cell's.
func nameOf(file string) (name string, isCell bool) {
	path, ok := strings.CutSuffix(file, cellSuffix)
	if !ok {
		return "", false
	}
	var escaped strings.Builder
	for piece := range strings.SplitSeq(path, "/") {
		escaped.WriteString(strings.TrimPrefix(piece, prefix))
	}
	name, err := url.PathUnescape(escaped.String())
	if err != nil || lease.CheckName(name) != nil || stem(name) != path {
		return "", false
	}
	return name, true
}

// isOfACell reports whether a path is that of a cell's file, and not of the store's directory or one above it, which may have any name.
func (s *Store) isOfACell(path string) bool {
	switch filepath.Ext(path) {
	case cellSuffix, lockSuffix, tempSuffix:
		return strings.HasPrefix(path, strings.TrimSuffix(s.dir, string(filepath.Separator))+string(filepath.Separator))
	}
	return false
}

// isPiece reports whether a directory may be part of a long name's path.
func isPiece(dir string) bool {
	return strings.HasPrefix(dir, prefix) && len(dir) == len(prefix)+maxPiece
}
