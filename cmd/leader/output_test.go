//go:build unix

package main

import (
	"bytes"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
)

// A reader that goes away is no failure, and a disk that is full is one, of whatever is written.
func TestOutputThatCannotBeWritten(t *testing.T) {
	for name, args := range map[string][]string{
		"status": {"status"}, "status, JSON": {"status", "--json"}, "list, JSON": {"list", "--json"}, "list": {"list"},
		"watch": {"watch"}, "watch, JSON": {"watch", "--json"}, "version": {"version"}, "version, JSON": {"version", "--json"}, "help": {"help"}, "help run": {"run", "--help"},
		"doctor": {"doctor", "--lease-length", "1s", "--samples", "1"}, "completion": {"completion", "bash"}, "break": {"break", "leader"}, "handover": {"handover", "leader", "--cancel"},
		"checkpoint show": {"checkpoint", "show", "a"}, "checkpoint show, JSON": {"checkpoint", "show", "a", "--json"}, "value clear": {"value", "clear", "leader"},
		"fleet status": {"fleet", "status", "leader"}, "fleet status, JSON": {"fleet", "status", "leader", "--json"}, "fleet watch": {"fleet", "watch", "leader"},
	} {
		t.Run(name, func(t *testing.T) {
			s := commandtest.NewSite(t)
			require.NoError(t, s.Command("--", "true").Run()) // so that there is something to tell of
			write := func(to *os.File) (code int, says string) {
				var complaint bytes.Buffer
				cmd := commandtest.Command(t, append([]string{"--store", store.FileURL(s.Store)}, args...)...)
				cmd.Stdout, cmd.Stderr = to, &complaint
				_ = cmd.Run()
				require.False(t, cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled(), "it ends by itself")
				return cmd.ProcessState.ExitCode(), complaint.String()
			}
			reader, writer, err := os.Pipe()
			require.NoError(t, err)
			defer writer.Close()
			require.NoError(t, reader.Close())
			code, says := write(writer)
			require.Equal(t, exitUnread, code, says)
			require.Empty(t, says)

			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if os.IsNotExist(err) { // not everywhere
				return
			}
			require.NoError(t, err)
			defer full.Close()
			code, says = write(full)
			require.Equal(t, exitFailed, code)
			require.Contains(t, says, "the output is not complete")
			require.Contains(t, says, "no space left")
		})
	}
}
