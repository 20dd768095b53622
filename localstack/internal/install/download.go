package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A downloader downloads by HTTPS as Go does: with HTTPS_PROXY, and the certificates of the machine or of
// SSL_CERT_FILE. It tries again after failures that may pass.
type downloader struct {
	pause time.Duration // before it tries again
	stall time.Duration // without a byte: then a try has failed
	alive func()        // called when bytes arrive
}

func newDownloader(alive func()) downloader {
	return downloader{pause: 2 * time.Second, stall: time.Minute, alive: alive}
}

// An answer is a server's whole answer. Its status is 2xx, 3xx or 4xx.
type answer struct {
	status  int
	kind    string // the Content-Type
	content []byte
}

// web has its own connections: in tests, the end of a server closes those of http.DefaultTransport.
var web = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}

// get returns the server's answer once it is complete and passes the check.
func (d downloader) get(ctx context.Context, url string, header http.Header, check func(answer) error) (answer, error) {
	const tries = 3
	for try := 1; ; try++ {
		a, err := d.getOnce(ctx, url, header)
		if err == nil {
			err = check(a)
		}
		if err == nil || ctx.Err() != nil || try == tries {
			return a, err
		}
		select {
		case <-time.After(d.pause):
		case <-ctx.Done():
			return answer{}, context.Cause(ctx)
		}
	}
}

func (d downloader) getOnce(ctx context.Context, url string, header http.Header) (answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(d.stall, func() { cancel(fmt.Errorf("no data for %s", d.stall)) })
	defer timer.Stop()
	failed := func(err error) (answer, error) {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return answer{}, fmt.Errorf("download %s: %w", url, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return failed(err)
	}
	req.Header = header
	response, err := web.Do(req)
	if err != nil {
		return failed(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests {
		return failed(fmt.Errorf("the server said %s", response.Status))
	}
	content, err := io.ReadAll(watched{response.Body, func() { timer.Reset(d.stall); d.alive() }})
	if err != nil {
		return failed(err)
	}
	return answer{response.StatusCode, response.Header.Get("Content-Type"), content}, nil
}

// A watched reader calls seen when bytes arrive.
type watched struct {
	io.Reader
	seen func()
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.seen()
	}
	return n, err
}

func verify(content []byte, want, what string) error {
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
		return fmt.Errorf("%s has the SHA-256 %x, and %s is expected", what, sum, want)
	}
	return nil
}
