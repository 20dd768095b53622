package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// A store that falls silent in the middle of a command: whichever request is the first that it does not answer, the command ends,
// and says so.
func TestAStoreThatFallsSilent(t *testing.T) {
	t.Parallel()
	const most = 20 // requests of a command
	url := emulated.Make(t, emulator.S3).URL
	m, err := lease.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lease.Close(m)) })
	s := shelf{url: url, Manager: m}
	for _, args := range []string{"checkpoint show NAME", "checkpoint set NAME 2 --yes", "value show NAME", "value clear NAME --yes", "break held-NAME --yes"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			run := func(answered int, limit time.Duration) (o commandtest.Outcome, asked int) {
				name := fmt.Sprint(strings.Fields(args)[:2], answered)
				s.save(t, name, name, 1)
				require.NoError(t, m.Release(t.Context(), valued(t, m, name, "one", "x", time.Minute)))
				s.acquire(t, "held-"+name, "one", time.Minute, nil)
				proxy := emulator.Proxy(t, emulator.S3)
				var answers []<-chan struct{}
				for k := range answered {
					answers = append(answers, proxy.OnRequest(k+1, wire.Delay(wire.After, 0)))
				}
				proxy.OnEvery(wire.Stall(wire.Before))
				fields := strings.Fields(args)
				for i := range fields {
					fields[i] = strings.Replace(fields[i], "NAME", name, 1)
				}
				cmd := commandtest.Command(t, append(fields, "--store", url, "--timeout", limit.String())...)
				variable, value := emulator.At(emulator.S3, proxy.URL())
				cmd.Env = append(cmd.Env, variable+"="+value)
				o = commandtest.End(t, cmd)
				for _, a := range answers {
					select {
					case <-a:
						asked++
					default:
					}
				}
				return o, asked
			}
			o, requests := run(most, time.Minute)
			require.Zero(t, o.Code, o.Err)
			require.Less(t, requests, most)
			for answered := range requests {
				o, _ := run(answered, 500*time.Millisecond)
				assert.Equal(t, exitFailed, o.Code, "%d requests were answered: %s", answered, o.Err)
				assert.Contains(t, o.Err, "the store has not answered within 500ms", "%d requests were answered", answered)
			}
		})
	}
}
