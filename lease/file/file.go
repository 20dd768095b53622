// Package file keeps leases in a directory, for the processes of one machine.
//
// Use it on local file systems with file locks and atomic renames: ext4, XFS, Btrfs, ZFS, tmpfs, overlayfs, APFS, UFS,
// NTFS. Do not use it on network file systems (NFS, SMB, 9p, sshfs and others, which NetworkFS and "leader doctor"
// detect): their locks and renames do not always behave as the package requires. Do not use a directory that is swept
// of old files either, as /tmp is on many systems.
//
// # What is in the directory
//
// Each lease has three files, named after it: lease-orders.json, lease-orders.lock and, briefly, lease-orders.tmp. All
// bytes of a name but lower-case letters, digits, "-" and "_" are written as %xx, and a long name is split into
// directories. The first file is the record: a header line and the lease, both JSON. Read it with cat. To repair it,
// change it with an editor while no program campaigns for the lease; the package never overwrites a record that it
// cannot read.
//
// The second file makes a write atomic: only the holder of an advisory lock on it may replace the record, which takes
// as long as the disk needs. The system drops the lock when the process ends, however it ends. A process that is
// suspended in the middle of a write (SIGSTOP, a frozen container) blocks other writers until it goes on or ends, or
// until their contexts end. That is safe: the lease runs out as usual, and every writer compares the version under the
// lock. Lock files are never deleted: otherwise a process with the deleted file open, and one that made a new file,
// would both have "the" lock.
//
// A new record is written to the third file, synced to the disk, and renamed into place. So records survive a crash and
// a power failure at any instant: either the old or the new record is there, and an acknowledged write is not lost. (On
// Windows the rename is only as durable as NTFS makes it: the system does not sync directories on request.) The next
// writer overwrites the leftover of a writer that was killed.
//
// # Who may use it
//
// A directory that the package makes is for its own user alone (0700). For the processes of several users, make the
// directory yourself, for a group of these users (mkdir -m 2770, chgrp): the files get the permissions of the
// directory, whatever the umask. When a record is replaced, the new one keeps its permissions and, if root replaces it,
// its owner. A new file that root makes belongs to the directory's owner. Anybody who can write to the directory can
// take every lease in it.
//
// # Other programs
//
// On Windows, a record that another program has open (a viewer, a virus scanner, a backup) cannot be replaced. The
// package tries for as long as the call may take, two seconds at most, and then returns a temporary error.
//
// # Takeover
//
// On Linux and macOS a record has the time since the machine started, and the ID of that start (boot). So a new process
// takes over an abandoned lease as soon as it has run out, without watching it first. On Linux it also takes over at
// once after a restart of the machine. On other systems it watches a lease for its length, because Windows and the BSDs
// do not identify a boot. It also watches a record of another time namespace, of another machine or, after a restart,
// of a machine without an /etc/machine-id, as most containers are, and every record on a network file system. The same goes for
// every record in a container of LXC, systemd-nspawn or gVisor (GKE Sandbox), because the boot that such a container shows is not the
// machine's.
//
// # Watching
//
// A standby is woken by the system's file events as soon as a lease is released (see Store.Watch). Where there are none, because the
// system has no more of them to give or on a network file system, it asks at each acquire interval as on any other store.
//
// # URL
//
// The URL is file:///var/lib/leader, or file:state/leases, which is relative to the working directory. On Windows it is
// file:///C:/ProgramData/leader. The query age=false stands for WithoutAge.
package file

import (
	"context"
	"net/url"
	"runtime"

	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

func init() {
	lease.Register("file", func(_ context.Context, u *url.URL) (lease.Manager, error) {
		dir, err := storeurl.Directory(u, runtime.GOOS == "windows")
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

// options returns the options that the query of the URL names.
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

// An Option changes a Store. With a nil one, every call returns a lease.ErrMisconfigured.
type Option func(*Store)

// WithoutAge makes the store report no ages: a new process watches an abandoned lease for its length before it takes
// over the lease.
func WithoutAge() Option { return func(s *Store) { s.ageless = true } }

// New returns a Manager that keeps its leases in the directory. New never fails: a problem with the directory shows as
// an error of later calls. The first acquisition makes the directory, and those above it.
func New(dir string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(dir, opts...))
}
