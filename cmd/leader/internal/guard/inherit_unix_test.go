//go:build unix

package guard

import (
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where there is no pipe2, as on macOS, a file is first made, and then closed on exec: until then it looks like one that was open when
// leader started. The program gets none of them: the guard of another part has to see the end of its pipe when leader is gone.
func TestProgramInheritsNoFileThatIsBeingMade(t *testing.T) {
	var wait sync.WaitGroup
	defer wait.Wait()
	before, over := inherited(), make(chan struct{})
	defer close(over)
	wait.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			var pipe [2]int
			syscall.ForkLock.RLock()
			err := syscall.Pipe(pipe[:])
			runtime.Gosched()
			for _, fd := range pipe {
				syscall.CloseOnExec(fd)
			}
			syscall.ForkLock.RUnlock()
			for _, fd := range pipe {
				_ = syscall.Close(fd)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 200 {
		require.Equal(t, before, inherited())
	}
}
