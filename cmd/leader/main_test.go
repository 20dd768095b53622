package main

import (
	"context"
	"os"
	"os/signal"
	"testing"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

func TestMain(m *testing.M) {
	// The first call in a process starts a goroutine for all later ones: it must not be one of a bubble of virtual time.
	_, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	stop()
	commandtest.Main(m)
}
