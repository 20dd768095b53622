package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	_ "github.com/cloudlease/leader/lease/file"
)

// The handler does the job once, and says that another region does it while the lease is held on. Without a store, it says why.
func TestHandler(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	stores := map[string]func(t *testing.T) string{
		"directory": func(t *testing.T) string { return "file://" + filepath.ToSlash(t.TempDir()) },
		"azblob":    func(t *testing.T) string { return emulated.Make(t, emulator.Azure).URL },
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LEADER_STORE", store(t))
			call(t, http.StatusOK, `{"Logs":["done"]}`)
			call(t, http.StatusOK, `{"Logs":["another region does the job"]}`)
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Setenv("LEADER_STORE", "")
		call(t, http.StatusInternalServerError, "the store URL is empty")
	})
}

// call does what Azure does when the timer fires: it sends a POST to the name of the function's folder.
func call(t *testing.T, code int, says string) {
	t.Helper()
	answer := httptest.NewRecorder()
	routes().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/report", nil))
	require.Equal(t, code, answer.Code, answer.Body)
	require.Contains(t, answer.Body.String(), says)
}
