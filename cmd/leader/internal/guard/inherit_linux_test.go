package guard

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

// under has a shell with the script in it become the command: with files open, or signals ignored.
func under(script string, cmd *exec.Cmd) *exec.Cmd {
	cmd.Args = append([]string{"sh", "-c", script + `; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	return cmd
}

// The program finds the same as without leader: no file less, as systemd's sockets, and none more, as leader's own.
func TestProgramInheritsFiles(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	const look = `for fd in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do test -e /proc/$$/fd/$fd && readlink /proc/$$/fd/$fd | grep -v pipe: | sed "s:^:$fd :"; done; echo here >&3; echo there >&9`
	open := "exec 3>" + dir + "/a 4<" + dir + "/a 9>" + dir + "/b"
	plain := commandtest.Command(t, "-c", look)
	plain.Path = "/bin/sh"
	want, err := under(open, plain).Output()
	require.NoError(t, err)
	require.Contains(t, string(want), "\n4 "+dir+"/a\n9 "+dir+"/b\n")
	got, err := under(open, s.Command("--", "sh", "-c", look)).Output()
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
	said, err := exec.Command("cat", dir+"/a", dir+"/b").Output()
	require.NoError(t, err)
	require.Equal(t, "here\nthere\n", string(said))
}

// The program does not find the pipes between leader and its guard either.
func TestProgramInheritsNoPipes(t *testing.T) {
	s := newSite(t)
	plain, cmd := commandtest.Command(t), s.Command("--", os.Args[0])
	plain.Path, plain.Args = os.Args[0], os.Args[:1]
	var files [2]string
	for i, c := range []*exec.Cmd{plain, cmd} {
		c.Env = append(c.Env, programVariable+"=files")
		out, err := c.Output()
		require.NoError(t, err)
		files[i] = string(out)
	}
	require.Contains(t, files[0], "0 /dev/null\n1 pipe:\n2 pipe:\n")
	require.Equal(t, files[0], files[1])
}

// Likewise of signals that are ignored or blocked. What runHelp says is not known to a program in Go is left out.
func TestProgramInheritsDispositions(t *testing.T) {
	s := newSite(t)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTTOU) // else it is ignored, where leader run has been run in this process
	const look = `grep -E "^Sig(Ign|Blk|Cgt)" /proc/self/status`
	for _, ignored := range []string{":", "trap '' HUP INT TSTP TTIN"} {
		plain := commandtest.Command(t, "-c", look)
		plain.Path = "/bin/sh"
		want, err := under(ignored, plain).Output()
		require.NoError(t, err)
		got, err := under(ignored, s.Command("--", "sh", "-c", look)).Output()
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), ignored)
	}
}

func TestWithoutProc(t *testing.T) {
	s := newSite(t)
	cmd := s.Command("--", "true")
	script := `mount -t tmpfs none /proc && exec "$@"`
	unshare := []string{"unshare", "--mount", "--user", "--map-root-user", "sh", "-c", script, "sh"}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no mount namespace can be made here: %v: %s", err, out)
	}
	cmd.Args = append(append(unshare, cmd.Path), cmd.Args[1:]...)
	path, err := exec.LookPath(unshare[0])
	require.NoError(t, err)
	cmd.Path = path
	out, _ := cmd.CombinedOutput()
	require.Equal(t, 1, cmd.ProcessState.ExitCode(), "%s", out)
	require.Contains(t, string(out), "mount -t proc proc /proc")
	require.NotContains(t, string(out), "level=", "it does not even campaign")
}
