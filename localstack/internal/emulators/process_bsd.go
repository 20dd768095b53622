//go:build unix && !linux

package emulators

import "syscall"

// apart starts a process in a new session, so that a Ctrl-C at the terminal does not reach it.
func apart(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func withStarter() *syscall.SysProcAttr { return nil } // these systems have no such attribute

// killMembers finds none: other processes' environments cannot be read here. A LocalStack that is killed, not stopped, leaves
// its Java process behind.
func killMembers(string) (int, error) { return 0, nil }
