package main

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	_ "github.com/cloudlease/leader/lease/file"
)

// The function does the job once, and leaves it to that call while the lease is held on. Without a store, it says why.
func TestHandle(t *testing.T) {
	stores := map[string]func(t *testing.T) string{
		"directory": func(t *testing.T) string { return "file://" + filepath.ToSlash(t.TempDir()) },
		"dynamodb":  func(t *testing.T) string { return emulated.Make(t, emulator.DynamoDB).URL + "?age=true" }, // as on AWS
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LEADER_STORE", store(t))
			said, err := call(t)
			require.NoError(t, err)
			require.Contains(t, said, "reporting token=1")
			said, err = call(t)
			require.NoError(t, err)
			require.Contains(t, said, "another call does the job")
			require.NotContains(t, said, "reporting")
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Setenv("LEADER_STORE", "")
		_, err := call(t)
		require.ErrorContains(t, err, "the store URL is empty")
	})
}

// call calls the function as Lambda does, with the timeout of template.yaml, and returns what it logs.
func call(t *testing.T) (said string, err error) {
	t.Helper()
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Second)
	defer cancel()
	err = handle(ctx)
	return log.String(), err
}
