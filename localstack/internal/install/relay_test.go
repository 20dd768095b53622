//go:build unix

package install

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The real pip, npm and go get a package through the relay, from a registry that fails in each way.

// A client is a program that gets a package. It says how in dir, where a package of that content has to be checked.
type client struct {
	file    string            // of the package: where the registry has its faults
	content []byte            // of the file
	index   map[string]string // the rest of the registry, by path; REGISTRY is its URL
	command func(ctx context.Context, s site, base string) *exec.Cmd
	refuses string // what it says of a file with another content
}

func zipped(t *testing.T, files ...string) []byte {
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	for n := 0; n < len(files); n += 2 {
		w, err := archive.Create(files[n])
		require.NoError(t, err)
		_, err = w.Write([]byte(files[n+1]))
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	return content.Bytes()
}

func pipClient(t *testing.T, in Installation) client {
	wheel := zipped(t, "tiny.py", "", "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
		"tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"tiny-1.0.dist-info/RECORD", "tiny.py,,\n")
	const name = "tiny-1.0-py3-none-any.whl"
	return client{
		"/files/packages/" + name, wheel,
		map[string]string{"/pypi/simple/tiny/": `<!DOCTYPE html><html><body><a href="REGISTRY/files/packages/` + name + `">` + name + `</a></body></html>`},
		func(ctx context.Context, s site, base string) *exec.Cmd {
			list := filepath.Join(s.dir, "requirements.txt")
			require.NoError(t, os.WriteFile(list, fmt.Appendf(nil, "tiny==1.0 --hash=sha256:%x\n", sha256.Sum256(wheel)), 0o600))
			cmd := s.command(ctx, in.Python(), "-I", "-m", "pip", "install", "--require-hashes", "-r", list, "--target", filepath.Join(s.dir, "to"))
			cmd.Env = pipThrough(base)
			return cmd
		},
		"DO NOT MATCH THE HASHES",
	}
}

func npmClient(t *testing.T, in Installation) client {
	var content bytes.Buffer
	compressed := gzip.NewWriter(&content)
	archive := tar.NewWriter(compressed)
	manifest := `{"name":"@scope/tiny","version":"1.0.0"}`
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o600, Size: int64(len(manifest))}))
	_, err := archive.Write([]byte(manifest))
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	require.NoError(t, compressed.Close())
	sum := sha512.Sum512(content.Bytes())
	integrity := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	return client{
		"/npm/@scope/tiny/-/tiny-1.0.0.tgz", content.Bytes(),
		map[string]string{"/npm/@scope%2ftiny": `{"name":"@scope/tiny","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"@scope/tiny",
			"version":"1.0.0","dist":{"tarball":"REGISTRY/npm/@scope/tiny/-/tiny-1.0.0.tgz","integrity":"` + integrity + `"}}}}`},
		func(ctx context.Context, s site, base string) *exec.Cmd {
			const project = `{"name":"a","version":"1.0.0","dependencies":{"@scope/tiny":"1.0.0"}`
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "package.json"), []byte(project+"}"), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "package-lock.json"), []byte(`{"name":"a","version":"1.0.0","lockfileVersion":3,
				"packages":{"":`+project+`},"node_modules/@scope/tiny":{"version":"1.0.0","integrity":"`+integrity+`"}}}`), 0o600))
			npm := filepath.Join(string(in), "node", "lib", "node_modules", "npm", "bin", "npm-cli.js")
			cmd := s.command(ctx, in.Node(), npm, "ci", "--no-audit", "--no-fund")
			cmd.Env = npmThrough(base, filepath.Join(s.dir, "npm"))
			return cmd
		},
		"EINTEGRITY",
	}
}

func goClient(t *testing.T, _ Installation) client {
	const at = "/go/example.com/tiny/@v/v1.0.0."
	content := zipped(t, "example.com/tiny@v1.0.0/go.mod", "module example.com/tiny\n")
	return client{
		at + "zip", content,
		map[string]string{at + "info": `{"Version":"v1.0.0"}`, at + "mod": "module example.com/tiny\n"},
		func(ctx context.Context, s site, base string) *exec.Cmd {
			cmd := s.command(ctx, "go", "mod", "download", "example.com/tiny@v1.0.0")
			cmd.Env = goThrough(base, filepath.Join(s.dir, "go"))
			return cmd
		},
		"not a valid zip file",
	}
}

// serve starts a registry that has the fault in its first answers for the file.
func (c client) serve(t *testing.T, fault http.HandlerFunc, faults int) *httptest.Server {
	var mu sync.Mutex
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		index, found := c.index[r.URL.EscapedPath()]
		switch {
		case found:
			w.Header().Set("Content-Type", map[bool]string{true: "text/html", false: "application/json"}[strings.HasPrefix(index, "<")])
			_, _ = w.Write([]byte(strings.ReplaceAll(index, "REGISTRY", server.URL)))
		case r.URL.Path != c.file:
			http.NotFound(w, r)
		default:
			mu.Lock()
			faults--
			faulty := faults >= 0
			mu.Unlock()
			if faulty {
				fault(w, r)
				return
			}
			_, _ = w.Write(c.content)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestProgramsGetTheirPackagesThroughTheRelay(t *testing.T) { // not parallel: it sets the environment
	root, err := Root()
	require.NoError(t, err)
	in, found := Find(root)
	if !found {
		t.Skip("the emulators are not installed, so there are no pip and npm here: use make test, or go run ./localstack up")
	}
	// What the user has set up may be what is wrong.
	for _, name := range []string{"PIP_PROXY", "PIP_INDEX_URL", "npm_config_proxy", "NPM_CONFIG_REGISTRY", "http_proxy", "HTTPS_PROXY", "all_proxy", "PROXY", "GOPROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, ".npmrc"), []byte("registry=http://127.0.0.1:1\n"), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(home, ".config", "pip"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".config", "pip", "pip.conf"), []byte("[global]\nno-index = true\n"), 0o600))
	t.Setenv("HOME", home)
	t.Setenv("GOFLAGS", "-mod=nonsense")
	t.Setenv("GOPRIVATE", "*")
	before, sum := registries, sumDB
	defer func() { registries, sumDB = before, sum }()
	sumDB = "off"
	for program, c := range map[string]client{"pip": pipClient(t, in), "npm": npmClient(t, in), "go": goClient(t, in)} {
		for name, f := range map[string]struct {
			fault  http.HandlerFunc
			faults int
			err    string
		}{
			"busy, then not": {status(503), 2, ""},
			"it goes round":  {loop, 99, "stopped after 10 redirects"},
			"always a page":  {page, 99, c.refuses}, // TestDownload has more
		} {
			t.Run(program+", "+name, func(t *testing.T) {
				server := c.serve(t, f.fault, f.faults)
				registries = map[string]string{}
				for path := range before {
					registries[path] = server.URL + path
				}
				s := testSite(t)
				err := relayed(t.Context(), quick, func(base string) error { return run(c.command(t.Context(), s, base)) })
				if f.err == "" {
					require.NoError(t, err)
					return
				}
				require.Error(t, err)
				assert.Contains(t, err.Error(), f.err)
			})
		}
	}
}

func TestARelayHasNothingButTheRegistries(t *testing.T) {
	t.Parallel()
	err := relayed(t.Context(), quick, func(base string) error {
		for _, path := range []string{"/", "/pypi", "/http://127.0.0.1/", "/npm"} {
			response, err := web.Get(base + path)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, 404, response.StatusCode, path)
		}
		response, err := web.Post(base+"/npm/a", "text/plain", nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, 404, response.StatusCode)
		return nil
	})
	require.NoError(t, err)
}
