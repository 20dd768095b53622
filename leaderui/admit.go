package leaderui

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"
)

// admit reports whether a request may be answered. If not, it says why.
func (u *UI) admit(w http.ResponseWriter, r *http.Request) bool {
	switch host := hostOf(r.Host); {
	case u.invalid != nil:
		refuse(w, http.StatusInternalServerError, "%v", u.invalid)
	case !u.knows(host):
		refuse(w, http.StatusMisdirectedRequest, "this page is not served under the name %q: use its address, or allow the name (WithHosts; leader ui --host)", host)
	case u.options.token != nil && !sameText(tokenOf(r), *u.options.token):
		w.Header().Set("WWW-Authenticate", `Basic realm="leader ui: the token is the password", charset="UTF-8"`)
		refuse(w, http.StatusUnauthorized, "give the token, as the password or as a Bearer token")
	case u.options.header != nil && r.Header.Get(*u.options.header) == "":
		refuse(w, http.StatusUnauthorized, "the proxy has to say in %s who asks", *u.options.header)
	case u.origin.Check(r) != nil:
		refuse(w, http.StatusForbidden, "another site has sent this request: send it from the page")
	default:
		return true
	}
	return false
}

// knows reports whether a page under this host is this one. A name that anybody may let point here is not.
func (u *UI) knows(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil ||
		slices.ContainsFunc(u.options.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		hostport = host
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(hostport, "[]"), "."))
}

func tokenOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// sameText compares in a time that tells nothing of the texts.
func sameText(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
