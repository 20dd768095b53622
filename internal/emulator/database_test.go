package emulator

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDatabases(t *testing.T) {
	t.Parallel()
	for _, d := range []Database{Postgres, MariaDB} {
		for _, c := range []struct {
			env       map[string]string
			how, what string
		}{
			{map[string]string{string(d): "here"}, "runs", "here"},
			{nil, "skipped", string(d) + " is not set: use make test"},
			{map[string]string{"LEADER_EMULATORS": "1"}, "failed", string(d) + " is not set"},
		} {
			o, address := outcome{how: "runs"}, ""
			done := make(chan struct{})
			go func() { // as in package testing: Skipf and Fatalf end the goroutine
				defer close(done)
				address = d.address(&o, func(name string) string { return c.env[name] })
			}()
			<-done
			assert.Equal(t, c.how, o.how)
			assert.Contains(t, address+o.why, c.what)
		}
	}
}
