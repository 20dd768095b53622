package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease"
)

// On each service: what is kept beside a lease, and in it.
func TestCheckpointAndValueOnServices(t *testing.T) {
	for _, service := range emulator.Services {
		t.Run(string(service), func(t *testing.T) {
			url := emulated.Make(t, service).URL
			m, err := lease.Open(t.Context(), url)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, lease.Close(m)) })
			s := shelf{url: url, Manager: m}
			o := s.run(t, "checkpoint", "set", "cp", `{"at": 1}`, "--lease", "orders", "--yes")
			require.Zero(t, o.Code, o.Err)
			o = s.run(t, "checkpoint", "show", "cp", "--json")
			require.Equal(t, `{"checkpoint":"cp","lease":"orders","value":{"at":1}}`+"\n", o.Out)
			require.Equal(t, o.Out, s.run(t, "checkpoint", "list", "--json").Out)
			require.Equal(t, "cp\n:4\n", commandtest.End(t, commandtest.Command(t, "__complete", "--store", url, "checkpoint", "show", "")).Out)

			l := valued(t, m, "orders", "node-1", "x", time.Minute)
			require.Equal(t, commandtest.Outcome{Out: "x"}, s.run(t, "value", "show", "orders"))
			require.NoError(t, m.Release(t.Context(), l))
			s.run(t, "value", "clear", "orders", "--yes").Want(t, 0, "")
			require.Empty(t, s.inspect(t, "orders").Value)
		})
	}
}
