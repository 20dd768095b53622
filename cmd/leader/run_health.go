package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/cloudlease/leader/internal/redact"
)

// healthFlags say whether this node may lead.
type healthFlags struct {
	command, url string
	after        int           // failures in a row
	timeout      time.Duration // 0: what leader gives it
}

func (h healthFlags) validate() error {
	u, err := url.Parse(h.url)
	if h.url != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--health-http %q: it is a URL like http://127.0.0.1:8080/healthz", redact.Text(h.url))
	}
	if h.after < 1 {
		return fmt.Errorf("--health-after %d: at least one failure makes a node unhealthy", h.after)
	}
	if h.timeout < 0 {
		return fmt.Errorf("--health-timeout %v is negative", h.timeout)
	}
	return nil
}

// check returns the health check; nil if there is none. Both must be good if both are given.
func (h healthFlags) check() func(context.Context) error {
	var checks []func(context.Context) error
	if h.command != "" {
		checks = append(checks, h.run)
	}
	if h.url != "" {
		checks = append(checks, h.get)
	}
	if len(checks) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		if h.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, h.timeout)
			defer cancel()
		}
		for _, check := range checks {
			if err := check(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// run asks the command. What it started is killed with it when the time is up.
func (h healthFlags) run(ctx context.Context) error {
	cmd := shell(ctx, h.command)
	said := &limited{most: 200}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 100 * time.Millisecond // what it has left running may have its output open
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	if text := strings.TrimSpace(said.text.String()); text != "" {
		return fmt.Errorf("--health-cmd: %w: %s", err, text)
	}
	return fmt.Errorf("--health-cmd: %w", err)
}

// healthClient asks what is checked itself: not a proxy, which may answer in its place, and not where a redirect leads, a page to
// log in say. Each check makes a connection, as who wants to be served has to.
var healthClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (h healthFlags) get(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return err
	}
	resp, err := healthClient.Do(req)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // without the URL, whose query may have a secret
		}
		return fmt.Errorf("--health-http: %s: %w", redact.Text(h.url), err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode / 100 {
	case 2:
		return nil
	case 3:
		return fmt.Errorf("--health-http: %s answered %s: name the URL that it leads to, if that tells of this node's health", redact.Text(h.url), resp.Status)
	default:
		return fmt.Errorf("--health-http: %s answered %s", redact.Text(h.url), resp.Status)
	}
}

// limited keeps the beginning of what is written to it.
type limited struct {
	text strings.Builder
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	l.text.Write(p[:min(len(p), l.most-l.text.Len())])
	return len(p), nil
}
