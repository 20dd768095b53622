package install

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// registries are the public registries, by the paths at which a relay serves them.
var registries = map[string]string{ // tests have others
	"/pypi/":  "https://pypi.org/",
	"/files/": "https://files.pythonhosted.org/", // of PyPI
	"/npm/":   "https://registry.npmjs.org/",
	"/go/":    "https://proxy.golang.org/",
}

// A relay is a server on this machine that pip, npm and go use as their registry. It downloads for them:
// so they need no certificates, no proxies, and no patience with a busy server. They check the downloads against
// the checksums of pins, or of Go.
type relay struct {
	base string // its URL
	downloader
	failed chan error // has the first download that failed
}

// relayed calls use with the URL of a relay that serves until use returns. To an error of use it adds that of the download
// that failed first: the program itself only knows that its registry did not answer.
func relayed(ctx context.Context, d downloader, use func(base string) error) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r := relay{"http://" + listener.Addr().String(), d, make(chan error, 1)}
	server := &http.Server{Handler: r, BaseContext: func(net.Listener) context.Context { return ctx }}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	err = use(r.base)
	_ = server.Close()
	serving.Wait()
	if err != nil && len(r.failed) > 0 {
		return fmt.Errorf("%w\n    %w", err, <-r.failed)
	}
	return err
}

func (r relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := req.URL.EscapedPath() // @scope%2fname is one name
	for prefix, registry := range registries {
		if rest, ok := strings.CutPrefix(path, prefix); ok && req.Method == http.MethodGet {
			r.forward(w, req, registry+rest)
			return
		}
	}
	http.NotFound(w, req)
}

func (r relay) forward(w http.ResponseWriter, req *http.Request, url string) {
	header := http.Header{"Accept": req.Header.Values("Accept")}
	a, err := r.get(req.Context(), url, header, func(answer) error { return nil })
	if err != nil {
		select {
		case r.failed <- err:
		default:
		}
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if strings.Contains(a.kind, "json") || strings.Contains(a.kind, "html") { // lists of files, by their URLs
		for prefix, registry := range registries {
			a.content = bytes.ReplaceAll(a.content, []byte(registry), []byte(r.base+prefix))
		}
	}
	w.Header().Set("Content-Type", a.kind)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.content)
}

// The environments in which the programs ask the relay at base, whatever their settings are, and with caches in dir: those of
// the user may be what is broken. The relay has the patience, and tries again.

var proxies = []string{"HTTP_PROXY=", "HTTPS_PROXY=", "ALL_PROXY=", "PROXY="} // go never asks one for an address of this machine

func pipThrough(base string) []string {
	return append(without(append(proxies, "PIP_")...), "PIP_CONFIG_FILE="+os.DevNull, "PIP_NO_CACHE_DIR=1",
		"PIP_INDEX_URL="+base+"/pypi/simple", "PIP_RETRIES=0", "PIP_TIMEOUT=3600", "PIP_DISABLE_PIP_VERSION_CHECK=1")
}

func npmThrough(base, dir string) []string {
	return append(without(append(proxies, "npm_config_")...), "npm_config_userconfig="+filepath.Join(dir, "none"),
		"npm_config_globalconfig="+filepath.Join(dir, "nor-this"), "npm_config_cache="+filepath.Join(dir, "cache"),
		"npm_config_registry="+base+"/npm/", "npm_config_fetch_retries=0", "npm_config_fetch_timeout=3600000", "npm_config_update_notifier=false")
}

func goThrough(base, dir string) []string {
	return append(without("GO"), "GOENV=off", "GOFLAGS=-modcacherw", "GOPROXY="+base+"/go", "GOSUMDB="+sumDB, "GOPATH="+dir,
		"GOCACHE="+filepath.Join(dir, "cache"))
}

var sumDB = "sum.golang.org" // tests have none
