//go:build unix

package guard

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// A terminal is leader's controlling terminal, if leader is in its foreground and reads from it: then the program is to have
// it as it would without leader. So ^C and what is typed go to the program's process group, while it runs. A nil *terminal
// is none.
type terminal struct {
	fd    int
	state *term.State // before the program ran
	given bool
}

func (p *Program) terminal() *terminal {
	fd := int(os.Stdin.Fd())
	if group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil || group != unix.Getpgrp() {
		return nil
	}
	state, err := term.GetState(fd)
	if err != nil {
		return nil
	}
	return &terminal{fd: fd, state: state}
}

// give makes a process group the terminal's foreground. It reports whether it is.
func (t *terminal) give(group int) bool {
	if t == nil || unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) != nil {
		return false
	}
	t.given = true
	return true
}

// takeBack makes leader the foreground again, and the terminal what it was: the program may have been killed in the
// middle of something. SIGTTOU, which stops a background process that does this, is ignored: see signals.Watch.
func (t *terminal) takeBack() {
	if t == nil || !t.given {
		return
	}
	t.give(unix.Getpgrp())
	_ = term.Restore(t.fd, t.state)
}
