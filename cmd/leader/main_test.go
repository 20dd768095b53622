package main

import (
	"testing"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

func TestMain(m *testing.M) { commandtest.Main(m) }
