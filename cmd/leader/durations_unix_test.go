//go:build unix

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
)

// What each command with a duration needs besides, and what says that it works if it does not end by itself.
var durationCommands = map[string]struct{ args, after, works string }{
	"leader":             {"status", "", ""}, // --timeout
	"leader run":         {"run", "-- true", "this node is unhealthy"},
	"leader fleet run":   {"fleet run --shards 1", "-- true", "the programs get SIGTERM"},
	"leader watch":       {"watch", "", "never taken"},
	"leader fleet watch": {"fleet watch", "", "never run"},
	"leader ui":          {"ui --listen 127.0.0.1:0", "", "shows the store"},
	"leader doctor":      {"doctor --samples 1", "", ""},
	"leader fleet move":  {"fleet move ships 1 --unpin", "", ""},
	"leader fleet drain": {"fleet drain ships --seat 1", "", ""},
}

// What a flag needs besides.
var durationFlags = map[string]string{"health-timeout": "--health-cmd true", "hold-at-least": "--once"}

// Whatever duration a flag is given, the command works, or says at once what is wrong.
func TestDurations_TooLongAndTooShort(t *testing.T) {
	for _, cmd := range everyCommand() {
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "duration" {
				return
			}
			c, ok := durationCommands[cmd.CommandPath()]
			require.True(t, ok, "%s --%s: say in durationCommands how to call it", cmd.CommandPath(), f.Name)
			for _, value := range []string{"2562047h", "-2562047h", "800000h", "219000h", "-1s", "0", "1ns"} {
				t.Run(cmd.CommandPath()+" --"+f.Name+" "+value, func(t *testing.T) {
					s := commandtest.NewSite(t)
					args := slices.Concat(strings.Fields(c.args), []string{"--store", store.FileURL(s.Store), "--" + f.Name, value}, strings.Fields(durationFlags[f.Name]), strings.Fields(c.after))
					n := s.Launch(commandtest.Command(t, args...))
					commandtest.Eventually(t, "it ends, or works", func() bool {
						select {
						case <-n.Done:
							return true
						default:
							return c.works != "" && n.Says(c.works)
						}
					})
					d, err := time.ParseDuration(value)
					require.NoError(t, err)
					if d < 0 || f.Name == "wait" && d == 0 {
						require.Equal(t, exitUsage, n.Wait(), n.Output)
						require.Contains(t, n.Output.String(), "--"+f.Name)
					}
					if d.Abs() > 100*365*24*time.Hour {
						require.Equal(t, exitUsage, n.Wait())
						require.Contains(t, n.Output.String(), "it is at most 219000h0m0s")
					}
				})
			}
		})
	}
}
