package install

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repository serves one file, and has a fault in the first answers.
func repository(t *testing.T, content string, fault func(w http.ResponseWriter, request int) bool) (jar, download, func() int) {
	var mu sync.Mutex
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests++
		n := requests
		mu.Unlock()
		switch {
		case fault(w, n):
		case r.URL.Path == "/maven2/org/a/1/a-1.jar":
			_, _ = io.WriteString(w, content)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	j := jar{path: "org/a/1/a-1.jar", sum: fmt.Sprintf("%x", sha256.Sum256([]byte(content)))}
	return j, download{base: server.URL + "/maven2", pause: time.Millisecond}, func() int { mu.Lock(); defer mu.Unlock(); return requests }
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

func TestDownload(t *testing.T) {
	t.Parallel()
	cut := func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); _, _ = io.WriteString(w, "the") }
	page := func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>please log in</html>") }
	for name, c := range map[string]struct {
		fault    func(http.ResponseWriter)
		faults   int // answers that have it
		requests int
		err      string
	}{
		"no fault":              {requests: 1},
		"busy, then not":        {fault: status(503), faults: 2, requests: 3},
		"too many, then not":    {fault: status(429), faults: 1, requests: 2},
		"cut, then not":         {fault: cut, faults: 1, requests: 2},
		"a page, then not":      {fault: page, faults: 1, requests: 2},
		"always busy":           {fault: status(503), faults: 9, requests: 3, err: "503 Service Unavailable"},
		"always cut":            {fault: cut, faults: 9, requests: 3, err: "unexpected EOF"},
		"always a page":         {fault: page, faults: 9, requests: 3, err: "has the SHA-256"},
		"not there":             {fault: status(404), faults: 9, requests: 1, err: "404 Not Found"},
		"not to be had, at all": {fault: status(403), faults: 9, requests: 1, err: "403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, from, requests := repository(t, "the content", func(w http.ResponseWriter, n int) bool {
				if n <= c.faults {
					c.fault(w)
				}
				return n <= c.faults
			})
			dir := t.TempDir()
			err := from.fetch(t.Context(), j, dir)
			assert.Equal(t, c.requests, requests())
			file := filepath.Join(dir, "org", "a", "1", "a-1.jar")
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.ErrorContains(t, err, from.base+"/"+j.path)
				assert.NoFileExists(t, file)
				return
			}
			require.NoError(t, err)
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, "the content", string(content))
		})
	}
}

func TestADownloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	j, from, requests := repository(t, "the content", func(w http.ResponseWriter, n int) bool {
		cancel(enough)
		w.WriteHeader(503)
		return true
	})
	from.pause = time.Hour
	require.ErrorIs(t, from.fetch(ctx, j, t.TempDir()), enough)
	assert.Equal(t, 1, requests())
}

func TestWhereTheJarsComeFrom(t *testing.T) { // not parallel: it sets the environment
	j, from, requests := repository(t, "the content", func(http.ResponseWriter, int) bool { return false })
	t.Setenv(mavenVariable, from.base+"/")
	require.NoError(t, fetchJars(t.Context(), []jar{j}, t.TempDir(), t.Output()))
	assert.Equal(t, 1, requests(), "what is set is taken, also where mvn is there")

	j.path = "org/a/2/a-2.jar"
	err := fetchJars(t.Context(), []jar{j}, t.TempDir(), t.Output())
	require.ErrorContains(t, err, "404 Not Found")
	require.ErrorContains(t, err, mavenVariable)
}

// An mvn that fails in one way is not the end: the next way brings the files, and if none does, the error names all that was tried.
func TestEachWayToMaven(t *testing.T) { // not parallel: it sets the environment
	const brings = `for a in "$@"; do case $a in -DoutputDirectory=*) d="${a#*=}"; esac; done; mkdir -p "$d/org/a/1" && printf 'the content' >"$d/org/a/1/a-1.jar"` + "\n"
	for name, c := range map[string]struct {
		mvn, javaHome string
		requests      int
	}{
		"mvn as it is set up":                {brings, "", 0},
		"it needs JAVA_HOME as it is":        {`test "$JAVA_HOME" = /opt/java || exit 1` + "\n" + brings, "/opt/java", 0},
		"JAVA_HOME is another program's":     {`test -z "$JAVA_HOME" || exit 1` + "\n" + brings, "/opt/java", 0},
		"there is no Java but PyPI's":        {`case "$JAVA_HOME" in */java) ;; *) echo no Java; exit 1;; esac` + "\n" + brings, "", 0},
		"its certificates are wrong":         {"echo PKIX path building failed; exit 1\n", "", 1},
		"it says that all is well, and lies": {"exit 0\n", "", 1},
		"it brings something else":           {strings.ReplaceAll(brings, "the content", "a page"), "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			bin, dir := t.TempDir(), t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(bin, "mvn"), []byte("#!/bin/sh\n"+c.mvn), 0o700))
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			t.Setenv("JAVA_HOME", c.javaHome)
			t.Setenv(mavenVariable, "")
			j, from, requests := repository(t, "the content", func(http.ResponseWriter, int) bool { return false })
			central(t, from.base)
			require.NoError(t, fetchJars(t.Context(), []jar{j}, filepath.Join(dir, "maven"), t.Output()))
			assert.Equal(t, c.requests, requests())

			central(t, from.base+"/nothing")
			j.path = "org/a/2/a-2.jar"
			err := fetchJars(t.Context(), []jar{j}, filepath.Join(dir, "maven"), t.Output())
			for _, said := range []string{"mvn as it is set up", "mvn with the Java of PyPI", "HTTPS from " + from.base, "404 Not Found", mavenVariable} {
				require.ErrorContains(t, err, said)
			}
		})
	}
}

func central(t *testing.T, base string) {
	before := mavenCentral
	mavenCentral = base
	t.Cleanup(func() { mavenCentral = before })
}

func TestInParallelReturnsAnError(t *testing.T) {
	t.Parallel()
	list := make([]jar, 100)
	for n := range list {
		list[n].path = fmt.Sprint(n)
	}
	var done sync.Map
	require.NoError(t, inParallel(list, func(j jar) error { done.Store(j.path, true); return nil }))
	for _, j := range list {
		_, ok := done.Load(j.path)
		assert.True(t, ok, j.path)
	}
	failed := errors.New("failed")
	require.ErrorIs(t, inParallel(list, func(jar) error { return failed }), failed)
	require.ErrorIs(t, inParallel(list, func(j jar) error {
		if j.path == "99" {
			return failed
		}
		return nil
	}), failed)
}

func TestLauncher(t *testing.T) {
	t.Parallel()
	var classes []string
	for n := range 50 {
		classes = append(classes, fmt.Sprintf("DynamoDBLocal_lib/some-library-%d.jar", n))
	}
	content, err := launcher("a.b.Main", classes)
	require.NoError(t, err)
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	file, err := archive.Open("META-INF/MANIFEST.MF")
	require.NoError(t, err)
	manifest, err := io.ReadAll(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(manifest)) {
		assert.LessOrEqual(t, len(line), 74, "72 bytes and the line's end: %q", line)
	}
	assert.Equal(t, "Manifest-Version: 1.0\r\nMain-Class: a.b.Main\r\nClass-Path: "+strings.Join(classes, " ")+"\r\n",
		strings.ReplaceAll(string(manifest), "\r\n ", ""))
}
