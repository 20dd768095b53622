package leaderhttp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/lease"
)

// WatchAttribute is the attribute in which a node publishes the URL of its Handler's or FleetHandler's /watch, as
// leader.WithAttributes(map[string]string{leaderhttp.WatchAttribute: "http://10.0.0.7:8080/watch"}), or with fleet.WithAttributes.
const WatchAttribute = "watch"

// Follow returns a function for leader.WithWake: a standby waits at the leader's Handler, and asks for the lease as soon as the leader has
// given it back. It is for fleet.WithWake, too: the nodes of a fleet wait at the coordinator's FleetHandler for the next plan, and the
// coordinator waits at theirs for their acknowledgements.
//
//	leader.New(
//		leader.WithAttributes(map[string]string{leaderhttp.WatchAttribute: "https://10.0.0.7:8443/election/watch"}),
//		leader.WithWake(leaderhttp.Follow(
//			leaderhttp.FollowClient(client),
//			leaderhttp.FollowHosts("10.0.0.0/8"),
//			leaderhttp.FollowAuthorization("Bearer "+token),
//		)),
//	)
//
// The address is in the lease, so anybody who may write to the store can choose which address all standbys ask. With FollowHosts, they ask
// known hosts alone. Redirects are never followed. An answer decides nothing: another end that lies, floods or is no Handler costs this
// node a look now and then, as WithWake says.
func Follow(opts ...FollowOption) func(ctx context.Context, seen lease.Info) error {
	return newFollower(opts).wait
}

// A FollowOption changes how Follow and Telling send their requests.
type FollowOption func(*follower)

// FollowClient sets the client, with its TLS configuration and proxy. Its Timeout and CheckRedirect do not count. The default is
// http.DefaultClient.
func FollowClient(client *http.Client) FollowOption {
	return func(f *follower) { f.client = client }
}

// FollowHosts names the hosts that may be asked: names, all names below a domain (".example.com"), addresses, or networks
// ("10.0.0.0/8"). An address may be written in any way: "::1" is 0:0:0:0:0:0:0:1, too, and "10.0.0.7" is ::ffff:10.0.0.7. The default is
// any host; an empty list names none.
func FollowHosts(hosts ...string) FollowOption {
	return func(f *follower) { f.named, f.hosts = true, append(f.hosts, hosts...) }
}

// FollowAuthorization sets the header Authorization of each request, such as "Bearer abc". It needs FollowHosts, so that nobody else gets
// the header: without it, no request is sent, and Follow's function returns an error.
func FollowAuthorization(value string) FollowOption {
	return func(f *follower) { f.authorization = value }
}

// A follower asks holders, at the addresses in their leases.
type follower struct {
	client        *http.Client
	named         bool // FollowHosts is given: only hosts are asked
	hosts         []string
	authorization string
}

func newFollower(opts []FollowOption) *follower {
	f := &follower{}
	for _, set := range opts {
		if set != nil {
			set(f)
		}
	}
	if f.client == nil {
		f.client = http.DefaultClient
	}
	client := *f.client
	client.Timeout = 0 // an answer lasts as long as the term
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	f.client = &client
	return f
}

const (
	silentFor  = 3 * heartbeat // then the connection is dead
	leastWatch = time.Second   // an answer that ends sooner, without a word, is none
	mostAnswer = 1 << 10       // bytes; an honest answer has less than a hundred
)

// wait returns nil when the holder's Handler says that the lease has changed hands.
func (f *follower) wait(ctx context.Context, seen lease.Info) error {
	address, err := f.address(seen)
	if err != nil {
		return fmt.Errorf("leaderhttp.Follow: %w", err)
	}
	for {
		began := time.Now()
		over, err := f.ask(ctx, address)
		switch {
		case over:
			return nil
		case err == nil && time.Since(began) < leastWatch:
			err = errors.New("it ends its answer at once")
		}
		if err != nil {
			return fmt.Errorf("leaderhttp.Follow: watch %q at %s: %w", seen.Holder, redact.URL(address), err)
		}
	}
}

// address returns where to ask for a change of what was seen.
func (f *follower) address(seen lease.Info) (*url.URL, error) {
	if f.authorization != "" && !f.named {
		return nil, errors.New("FollowAuthorization needs FollowHosts: say which hosts may get the header")
	}
	text := seen.Attributes[WatchAttribute]
	if text == "" {
		return nil, fmt.Errorf("the holder %q publishes no attribute %q: give it one with WithAttributes", seen.Holder, WatchAttribute)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, fmt.Errorf("the attribute %q of the holder %q is not a URL as https://10.0.0.7:8443/watch", WatchAttribute, seen.Holder)
	}
	if !f.mayAsk(u.Hostname()) {
		return nil, fmt.Errorf("the holder %q is at %q, which FollowHosts does not name", seen.Holder, u.Hostname())
	}
	query := u.Query()
	query.Set("lease", seen.Name)
	query.Set("token", strconv.FormatUint(seen.Token, 10))
	query.Set("value", digest(seen.Value))
	u.RawQuery, u.Fragment = query.Encode(), ""
	return u, nil
}

func (f *follower) mayAsk(host string) bool {
	if !f.named {
		return true
	}
	address, noAddress := netip.ParseAddr(host)
	for _, known := range f.hosts {
		switch {
		case strings.EqualFold(known, host):
			return true
		case noAddress == nil && names(known, address):
			return true
		case strings.HasPrefix(known, ".") && noAddress != nil && strings.HasSuffix(strings.ToLower(host), strings.ToLower(known)):
			return true
		}
	}
	return false
}

// names reports whether the text is this address, however it is written, or a network that has it. An IPv4 address in IPv6, as
// ::ffff:10.0.0.7, is the IPv4 address; so an IPv6 network does not have it, unless all of the network is such.
func names(known string, address netip.Addr) bool {
	if one, err := netip.ParseAddr(known); err == nil {
		return one.Unmap() == address.Unmap() && one.Zone() == address.Zone()
	}
	network, err := netip.ParsePrefix(known)
	if err != nil {
		return false
	}
	if mapped := network.Bits() - 96; mapped >= 0 && network.Addr().Is4In6() {
		network = netip.PrefixFrom(network.Addr().Unmap(), mapped)
	}
	return network.Contains(address.Unmap())
}

// ask asks once, and reports whether the lease has changed hands. It returns false without an error when the other end has watched for as
// long as it does at a time.
func (f *follower) ask(ctx context.Context, address *url.URL) (bool, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(silentFor, func() { cancel(errSilent) })
	defer silence.Stop()
	resp, err := f.do(ctx, http.MethodGet, address)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("it answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	lines := bufio.NewScanner(io.LimitReader(resp.Body, mostAnswer))
	for lines.Scan() {
		silence.Reset(silentFor)
		switch lines.Text() {
		case watching:
		case changed:
			return true, nil
		default:
			return false, errors.New("it does not answer as /watch of leaderhttp does")
		}
	}
	return false, causeOf(ctx, lines.Err())
}

// do sends a request with the header that the user wants.
func (f *follower) do(ctx context.Context, method string, address *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address.String(), nil)
	if err != nil {
		return nil, err
	}
	if f.authorization != "" {
		req.Header.Set("Authorization", f.authorization)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, causeOf(ctx, err)
	}
	return resp, nil
}

// causeOf returns why a request has failed, without its URL.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		return inner.Err
	}
	return err
}

var errSilent = fmt.Errorf("it has said nothing for %v", silentFor)
