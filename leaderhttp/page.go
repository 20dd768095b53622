package leaderhttp

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string

	// The style is a part of the page, and the policy allows it by its hash.
	pageTemplate = template.Must(template.New("page").
			Funcs(template.FuncMap{"duration": duration, "clock": clock}).
			Parse(strings.Replace(pageHTML, "STYLE", pageCSS, 1)))
	policy = "default-src 'none'; style-src 'sha256-" + hash(pageCSS) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// refresh is the interval, in seconds, after which a browser asks for the page again.
const refresh = 2

func page(s Status) answer {
	var b bytes.Buffer
	now := time.Now()
	err := pageTemplate.Execute(&b, struct {
		Status
		Refresh int
		Now     time.Time
		For     float64 // seconds in this state
	}{s, refresh, now, max(now.Sub(s.Since).Seconds(), 0)})
	if err != nil {
		return line(http.StatusInternalServerError, "the page cannot be shown: %v", err)
	}
	return answer{http.StatusOK, "text/html; charset=utf-8", b.Bytes()}
}

// duration returns a number of seconds as people read it: with tenths if it is small.
func duration(seconds float64) string {
	if seconds < 10 {
		return fmt.Sprintf("%.1fs", seconds)
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
