package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/lease"
)

func TestDiagnosis(t *testing.T) {
	t.Parallel()
	const passes = ""
	for errno, advice := range map[error]string{
		syscall.EACCES: allow, syscall.EPERM: allow, syscall.ENOTDIR: moveFile, syscall.EROFS: writable, syscall.ENOSYS: local,
		syscall.ENOTSUP: local, syscall.ELOOP: noLoop, syscall.ENAMETOOLONG: shorter,

		syscall.ENOSPC: passes, syscall.EDQUOT: passes, syscall.EIO: passes, syscall.ESTALE: passes, syscall.EMFILE: passes,
		syscall.ENFILE: passes, syscall.ENOMEM: passes, syscall.EFBIG: passes, syscall.EINTR: passes, syscall.EAGAIN: passes,
		syscall.EBUSY: passes, syscall.ENOLCK: passes, syscall.ETIMEDOUT: passes, syscall.EHOSTDOWN: passes, syscall.ENOTCONN: passes,
		syscall.ENOENT: passes, context.DeadlineExceeded: passes, context.Canceled: passes,
	} {
		err := NewStore("/dir").classify(t.Context(), &fs.PathError{Op: "write", Path: "/x", Err: errno})
		assert.Equal(t, advice != passes, errors.Is(err, lease.ErrMisconfigured), errno)
		assert.ErrorIs(t, err, errno)
		assert.ErrorContains(t, err, "/x")
		assert.ErrorContains(t, err, advice, errno)
		errtest.Advice(t, err)
	}
	for _, row := range permanentHere {
		err := NewStore("/dir").classify(t.Context(), &fs.PathError{Op: "write", Path: "/x", Err: row.err})
		assert.ErrorIs(t, err, lease.ErrMisconfigured, row.err)
		assert.ErrorContains(t, err, row.advice, row.err)
		errtest.Advice(t, err)
	}
}

// What is not there is a cell that does not exist; a server that does not answer, to Windows, is not there either.
func TestMissing(t *testing.T) {
	t.Parallel()
	assert.True(t, missing(&fs.PathError{Err: syscall.ENOENT}))
	assert.False(t, missing(&fs.PathError{Err: syscall.Errno(53)}))
	assert.False(t, missing(&fs.PathError{Err: syscall.EACCES}))
	assert.False(t, missing(nil))
}

// unreachable is a share whose server does not answer.
type unreachable struct{ error }

func (u unreachable) Open(string) (fs.File, error)     { return nil, u.error }
func (u unreachable) stat(string) (fs.FileInfo, error) { return nil, u.error }

// A share whose server does not answer is not missing: it is no mistake to be corrected, its list is not empty, and the directory above
// it tells nothing about it.
func TestUnreachableShare(t *testing.T) {
	t.Parallel()
	s := NewStore(filepath.Join(t.TempDir(), "share", "leases"))
	share := unreachable{&fs.PathError{Op: "stat", Path: s.dir, Err: errors.Join(fs.ErrNotExist, syscall.Errno(53))}} // as Windows says it
	s.disk.stat, s.disk.tree = share.stat, func(string) fs.FS { return share }
	require.NoError(t, s.FindPlace(t.Context()))
	var listed []error
	for _, err := range s.List(t.Context(), "") {
		listed = append(listed, err)
	}
	require.Len(t, listed, 1)
	require.ErrorIs(t, listed[0], share.error)
	require.NotErrorIs(t, listed[0], lease.ErrMisconfigured)
	_, err := networkAbove(s.dir, func(at string) (string, error) {
		if at == s.dir {
			return "", share.error
		}
		return "", nil
	})
	require.ErrorIs(t, err, share.error)
}

func TestFileInThePlaceOfALongNamesDirectory(t *testing.T) {
	t.Parallel()
	s, long := NewStore(t.TempDir()), strings.Repeat("a", maxPiece+1)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, prefix+long[1:]), nil, 0o600))
	_, loadErr := s.Load(t.Context(), long)
	_, swapErr := s.Swap(t.Context(), long, "", nil)
	_, staleErr := s.Swap(t.Context(), long, "version", nil)
	for _, err := range []error{loadErr, swapErr, staleErr} {
		require.ErrorIs(t, err, lease.ErrMisconfigured)
		assert.ErrorContains(t, err, moveFile)
	}
}

var errBusy = errors.New("a sharing violation")

// TestOtherPrograms is how a store fares on a system where a file that is open cannot be replaced, or not even opened.
func TestOtherPrograms(t *testing.T) {
	t.Parallel()
	denied := &os.LinkError{Op: "rename", Err: syscall.EACCES}
	for _, c := range []struct {
		what  string
		err   error
		times int
		short bool // the call's context ends first
		is    error
	}{
		{"open for a while", denied, 3, false, nil},
		{"open for a while, as a sharing violation", errBusy, 3, false, nil},
		{"open for longer than the call may take", denied, 1 << 30, true, nil},
		{"open for long", denied, 1 << 30, false, nil},
		{"something else", syscall.EIO, 1, false, syscall.EIO},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			s, renames := NewStore(t.TempDir()), 0
			version := swap(t, s, "a", "", "before")
			s.lockReads, s.busy = true, func(err error) bool { return errors.Is(err, errBusy) }
			s.disk.rename = func(from, to string) error {
				if renames++; renames <= c.times {
					return c.err
				}
				return os.Rename(from, to)
			}
			ctx := soon(t)
			if c.short {
				var cancel context.CancelFunc
				ctx, cancel = context.WithCancel(ctx)
				cancelled := s.disk.rename
				s.disk.rename = func(from, to string) error { cancel(); return cancelled(from, to) }
			}
			_, err := s.Swap(ctx, "a", version, []byte("after"))
			if c.times == 3 {
				require.NoError(t, err)
				assert.Equal(t, "after", string(load(t, s, "a").Data))
				assert.Equal(t, 4, renames)
				return
			}
			require.Error(t, err)
			assert.NotErrorIs(t, err, lease.ErrMisconfigured, "it passes")
			assert.NoFileExists(t, filepath.Join(s.dir, "lease-a.tmp"))
			assert.Equal(t, "before", string(load(t, s, "a").Data))
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
				assert.Equal(t, 1, renames)
				return
			}
			assert.ErrorContains(t, err, "lease-a.json")
			assert.ErrorContains(t, err, "close it there")
			assert.Equal(t, c.short, renames == 1)
		})
	}
}
