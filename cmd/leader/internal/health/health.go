// Package health asks a command, a URL or both whether this node may lead.
package health

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/internal/redact"
)

// A Check says whether this node may lead. The zero Check asks nobody.
type Check struct {
	Command string        // for the shell: it must exit with 0
	URL     string        // it must answer with 2xx
	Timeout time.Duration // for both together; 0: as long as the context
}

// Validate reports what is wrong with the flags that c is made of.
func (c Check) Validate() error {
	if c.URL != "" && !CanBeAsked(c.URL) {
		return fmt.Errorf("--health-http %q: it is a URL like http://127.0.0.1:8080/healthz", redact.Text(c.URL))
	}
	if c.Timeout < 0 {
		return fmt.Errorf("--health-timeout %v is negative", c.Timeout)
	}
	if c.Command != "" {
		if _, err := exec.LookPath(shell); err != nil { // as in an image that has the program alone: no node would ever lead
			return fmt.Errorf("--health-cmd: there is no shell to run it: %w: use --health-http", err)
		}
	}
	return nil
}

// CanBeAsked reports whether the text is a URL at which somebody may answer over HTTP.
func CanBeAsked(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// Func returns the check as a function; nil if it asks nobody. If it asks both, both must be good. The function shows no secret that
// may be in the URL.
func (c Check) Func() func(context.Context) error {
	var checks []func(context.Context) error
	if c.Command != "" {
		checks = append(checks, c.run)
	}
	if c.URL != "" {
		checks = append(checks, c.get)
	}
	if len(checks) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		if c.Timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, c.Timeout)
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

// run runs the command. When the time is up, it kills the command and all that it started.
func (c Check) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, shell)
	said := &limited{most: 200}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 100 * time.Millisecond // a process that it left behind may have its output open
	err := run(cmd, c.Command)
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

// client asks the checked service itself: no proxy, which may answer in its place, and no target of a redirect, such as a
// login page. Each check makes a new connection, as the service's clients must.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (c Check) get(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // without the URL, whose query may have a secret
		}
		return fmt.Errorf("--health-http: %s: %w", redact.Text(c.URL), err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode / 100 {
	case 2:
		return nil
	case 3:
		return fmt.Errorf("--health-http: %s answered %s: name the URL that it leads to, if that tells of this node's health", redact.Text(c.URL), resp.Status)
	default:
		return fmt.Errorf("--health-http: %s answered %s", redact.Text(c.URL), resp.Status)
	}
}

// limited keeps the beginning of the text that is written to it.
type limited struct {
	text strings.Builder
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	l.text.Write(p[:min(len(p), l.most-l.text.Len())])
	return len(p), nil
}
