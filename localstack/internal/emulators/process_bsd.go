//go:build unix && !linux

package emulators

import "syscall"

// apart puts a process into a session of its own, so that a Ctrl-C at the terminal does not reach it.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func withStarter() *syscall.SysProcAttr { return nil } // there is nothing of the kind

// killMembers finds none: processes' environments are not to be read here. A LocalStack that is killed, not stopped,
// leaves its Java process behind.
func killMembers(string) (int, error) { return 0, nil }
