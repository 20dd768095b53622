//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/stress/chaos"
)

// A machine is the real one, with a wall clock that can be shifted. The system's clock cannot be: Go reads it through the vDSO,
// where no preloaded library can intervene, and a test must not step the clock of the machine that it runs on.
type machine struct {
	host.Host
	shift atomic.Int64
}

func (m *machine) Read() host.Reading {
	r := m.Host.Read()
	r.Wall += time.Duration(m.shift.Load())
	return r
}

func (m *machine) Now() time.Time { return m.Host.Now().Add(time.Duration(m.shift.Load())) }

// obey reads lines until there are no more, and steps the wall clock by each, for example "-3h".
func obey(lines io.Reader, m *machine) {
	for in := bufio.NewScanner(lines); in.Scan(); {
		step, err := time.ParseDuration(strings.TrimSpace(in.Text()))
		if err != nil {
			fmt.Fprintln(os.Stderr, "worker: standard input:", err)
			os.Exit(4)
		}
		m.shift.Add(int64(step))
		chaos.Message{Did: chaos.Shifted}.Tell()
	}
}
