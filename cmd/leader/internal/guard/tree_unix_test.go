//go:build unix

package guard

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the system lacks now is no reason never to start a program again.
func TestFailureCode(t *testing.T) {
	t.Parallel()
	for err, code := range map[error]int{
		syscall.ENOENT: 127, syscall.ENOEXEC: 126, syscall.EACCES: 126, errors.New("something"): 126,
		syscall.EAGAIN: 0, syscall.EMFILE: 0, syscall.ENFILE: 0, syscall.ENOMEM: 0, syscall.ETXTBSY: 0,
	} {
		require.Equal(t, code, failureCode(fmt.Errorf("start: %w", &os.PathError{Op: "fork/exec", Path: "worker", Err: err})), err)
	}
}
