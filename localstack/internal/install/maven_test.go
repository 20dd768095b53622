package install

import (
	"archive/zip"
	"bytes"
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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repository serves one file, and has a fault in the first answers.
func repository(t *testing.T, content string, fault func(w http.ResponseWriter, r *http.Request, request int) bool) (j jar, base string, requests func() int) {
	var mu sync.Mutex
	count := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		count++
		n := count
		mu.Unlock()
		switch {
		case fault(w, r, n):
		case r.URL.Path == "/maven2/org/a/1/a-1.jar":
			_, _ = io.WriteString(w, content)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	j = jar{path: "org/a/1/a-1.jar", sum: fmt.Sprintf("%x", sha256.Sum256([]byte(content)))}
	return j, server.URL + "/maven2", func() int { mu.Lock(); defer mu.Unlock(); return count }
}

func TestWhereTheJarsComeFrom(t *testing.T) { // not parallel: it sets the environment
	j, base, requests := repository(t, "the content", func(http.ResponseWriter, *http.Request, int) bool { return false })
	t.Setenv(mavenVariable, base+"/")
	require.NoError(t, fetchJars(t.Context(), pin("pom.xml"), []jar{j}, filepath.Join(t.TempDir(), "maven"), testSite(t)))
	assert.Equal(t, 1, requests(), "what is set is taken, also where mvn is there")

	j.path = "org/a/2/a-2.jar"
	err := fetchJars(t.Context(), pin("pom.xml"), []jar{j}, filepath.Join(t.TempDir(), "maven"), testSite(t))
	require.ErrorContains(t, err, "404 Not Found")
	require.ErrorContains(t, err, mavenVariable)
}

// mavenBrings is a shell script that does what mvn does.
const mavenBrings = `for a in "$@"; do case $a in -DoutputDirectory=*) d="${a#*=}"; esac; done
	mkdir -p "$d/org/a/1" && printf 'the content' >"$d/org/a/1/a-1.jar"`

// An mvn that fails in one way is not the end: the next way brings the files, and if none does, the error names all that was tried.
func TestEachWayToMaven(t *testing.T) { // not parallel: it sets the environment
	for name, c := range map[string]struct {
		mvn, javaHome string
		requests      int
	}{
		"mvn as it is set up":                {mavenBrings, "", 0},
		"it needs JAVA_HOME as it is":        {`test "$JAVA_HOME" = /opt/java || exit 1` + "\n" + mavenBrings, "/opt/java", 0},
		"JAVA_HOME is another program's":     {`test -z "$JAVA_HOME" || exit 1` + "\n" + mavenBrings, "/opt/java", 0},
		"there is no Java but PyPI's":        {`case "$JAVA_HOME" in */java) ;; *) echo no Java; exit 1;; esac` + "\n" + mavenBrings, "", 0},
		"its certificates are wrong":         {"echo PKIX path building failed; exit 1\n", "", 1},
		"it says that all is well, and lies": {"exit 0\n", "", 1},
		"it brings something else":           {strings.ReplaceAll(mavenBrings, "the content", "a page"), "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(bin, "mvn"), []byte("#!/bin/sh\n"+c.mvn), 0o700))
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			t.Setenv("JAVA_HOME", c.javaHome)
			t.Setenv(mavenVariable, "")
			j, base, requests := repository(t, "the content", func(http.ResponseWriter, *http.Request, int) bool { return false })
			central(t, base)
			s := testSite(t)
			require.NoError(t, fetchJars(t.Context(), pin("pom.xml"), []jar{j}, filepath.Join(s.dir, "maven"), s))
			assert.Equal(t, c.requests, requests())

			central(t, base+"/nothing")
			j.path = "org/a/2/a-2.jar"
			err := fetchJars(t.Context(), pin("pom.xml"), []jar{j}, filepath.Join(s.dir, "maven"), s)
			for _, said := range []string{"- mvn as it is set up: ", "- mvn with the Java of PyPI: ", "- mvn as it is set up, again: ", "HTTPS from " + base, "404 Not Found", mavenVariable} {
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
