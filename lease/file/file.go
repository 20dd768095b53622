// Package file keeps leases in a directory, for the processes of one machine.
//
// It is for local file systems with file locks and atomic renames: ext4, XFS, Btrfs, ZFS, tmpfs, overlayfs, APFS, UFS, NTFS.
// It is not for network file systems (NFS, SMB, 9p, sshfs and others, which NetworkFS tells, as "leader doctor" does): their
// locks and their renames do not always do what the package relies on. Nor is it for a directory that is swept of old files,
// as /tmp is on many systems.
//
// # What is in the directory
//
// Each lease has three files, named after it: lease-orders.json, lease-orders.lock and, for an instant, lease-orders.tmp.
// Other bytes of a name than lower-case letters, digits, "-" and "_" are written as %XX, and a long name is cut into
// directories. The first is the record: a header line and the lease, both JSON. Read it with cat; to repair it, change
// it with an editor while nobody runs; what cannot be read is never overwritten.
//
// The second is what makes a write atomic: whoever holds an advisory lock on it may replace the record, which takes as
// long as the disk needs. The system gives it up when the process ends, however it ends. A process that is suspended
// (SIGSTOP, a frozen container) just then keeps the others from writing until it goes on or ends, or until their
// contexts end. Nothing becomes unsafe by it: the lease runs out like any, and whoever writes has compared under the
// lock. Lock files are never deleted: a process that has the deleted one open, and one that made a new one, would both
// have "the" lock.
//
// A record is written to the third file, brought to the disk, and renamed into place. So it survives a crash and a power
// failure at any instant: one finds the old record or the new, and an acknowledged write is not lost. (On Windows the
// rename itself is as durable as NTFS makes it: the system does not bring directories to the disk on request.) The
// leftover of a writer that was killed is overwritten by the next one.
//
// # Who may use it
//
// A directory that the package makes is for its own user alone (0700). For several users' processes, make it yourself,
// for a group that they are in (mkdir -m 2770, chgrp): the files appear with the permissions of the directory, whatever
// the umask. A record that is replaced keeps its permissions and, if root replaces it, its owner; what root makes anew is
// the directory's owner's. Whoever can write to the directory can take every lease in it.
//
// # Other programs
//
// On Windows, a record that another program has open cannot be replaced (a viewer, a virus scanner, a backup). The package
// tries for as long as the call may take, two seconds at most; the error is then one that passes.
//
// # Takeover
//
// On Linux and macOS a record carries the time since the machine started, and which start that was. So a new process takes
// over the lease of one that was left behind as soon as it has run out and, on Linux, at once after a restart of the
// machine, without watching it first. Elsewhere it watches for the length of the lease: Windows and the BSDs do not say
// which start this is. A record of another time namespace, of another machine or, after a restart, of one without an
// /etc/machine-id, as most containers are, is watched, too, and so is each on a network file system.
//
// # URL
//
// The URL is file:///var/lib/leader, or file:state/leases, which is relative to the working directory. On Windows
// it is file:///C:/ProgramData/leader. The query age=false is WithoutAge.
package file

import (
	"context"
	"net/url"
	"path/filepath"
	"runtime"

	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

func init() {
	lease.Register("file", func(_ context.Context, u *url.URL) (lease.Manager, error) {
		dir, err := directory(u, runtime.GOOS == "windows")
		if err != nil {
			return nil, err
		}
		opts, err := options(u)
		if err != nil {
			return nil, err
		}
		return New(dir, opts...), nil
	})
}

// directory returns the directory that a URL names.
func directory(u *url.URL, windows bool) (string, error) {
	refuse := func(why string) error {
		return storeurl.Refuse(u, why, "file:///absolute/directory or file:relative/directory")
	}
	if u.User != nil || (u.Host != "" && u.Host != "localhost") {
		return "", refuse("it names a host, and the directory is on this machine")
	}
	if u.Fragment != "" {
		return "", refuse("a # in the directory's name is written %23")
	}
	dir := u.Path
	if u.Opaque != "" {
		var err error
		if dir, err = url.PathUnescape(u.Opaque); err != nil {
			return "", refuse("a % in the directory's name is written %25")
		}
	}
	if dir == "" {
		return "", refuse("it names no directory")
	}
	if windows && len(dir) > 2 && dir[0] == '/' && dir[2] == ':' {
		dir = dir[1:] // file:///C:/dir
	}
	return filepath.FromSlash(dir), nil
}

// options returns what a URL's query says.
func options(u *url.URL) ([]Option, error) {
	query, err := storeurl.Query(u, "age")
	if err != nil {
		return nil, err
	}
	if age, given, err := storeurl.Bool(u, query, "age"); err != nil || !given || age {
		return nil, err
	}
	return []Option{WithoutAge()}, nil
}

// An Option changes a Store.
type Option func(*Store)

// WithoutAge makes the store tell no ages, as on a system where it cannot: a new process watches a record that was left
// behind for the length of the lease before it takes over.
func WithoutAge() Option { return func(s *Store) { s.ageless = true } }

// New returns the Manager that keeps its leases in the directory. It never fails: what is wrong with the directory is an
// error of the calls. The directory is made, with those above it, when the first lease is acquired.
func New(dir string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(dir, opts...))
}
