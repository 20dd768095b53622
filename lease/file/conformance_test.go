package file_test

import (
	"runtime"
	"testing"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
	"github.com/cloudlease/leader/lease/leasetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	leasetest.TestStore(t, func(t testing.TB) lease.Store { return file.NewStore(t.TempDir()) })
}

func TestManager(t *testing.T) {
	t.Parallel()
	leasetest.TestManager(t, leasetest.Harness{
		Age: runtime.GOOS == "linux",
		Open: func(t testing.TB) leasetest.Place {
			dir := t.TempDir()
			return leasetest.Place{Manager: func() lease.Manager { return file.New(dir) }, Store: file.NewStore(dir)}
		},
	})
}
