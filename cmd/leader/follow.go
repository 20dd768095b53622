package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cloudlease/leader/cmd/leader/internal/health"
	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
)

// hosts is a flag that may be repeated: each time a name, all names below a domain (".example.com"), an address, or a network ("10.0.0.0/8").
type hosts []string

func (h *hosts) Set(text string) error {
	_, noNetwork := netip.ParsePrefix(text)
	_, noAddress := netip.ParseAddr(text)
	if noNetwork != nil && noAddress != nil && (text == "" || strings.ContainsAny(text, ":/*@ ")) {
		return fmt.Errorf("%q is not a host: give a name, a domain as .example.com, an address, or a network as 10.0.0.0/8", text)
	}
	*h = append(*h, text)
	return nil
}

func (h *hosts) String() string { return strings.Join(*h, " ") }

func (h *hosts) Type() string { return "host" }

// register adds the flag --follow.
func (h *hosts) register(flags *pflag.FlagSet) {
	flags.Var(h, "follow", "learn of changes at once from the nodes on this `host`, and let them learn from this one (see --help); may be repeated")
}

// check reports what --follow needs besides.
func (h *hosts) check(listen string, published attributes) error {
	if len(*h) == 0 {
		return nil
	}
	watch := published[leaderhttp.WatchAttribute]
	if listen == "" || watch == "" {
		return errors.New("--follow: let the others follow this node, too: give --listen :8080, say, and --attribute watch=http://ADDRESS:8080/watch, by which they reach it")
	}
	if !health.CanBeAsked(watch) {
		return fmt.Errorf("--attribute watch=%s: it is a URL by which the others reach this node, such as http://10.0.0.7:8080/watch", redact.Text(watch))
	}
	return nil
}

// wait is for WithWake.
func (h *hosts) wait() func(ctx context.Context, seen lease.Info) error {
	return leaderhttp.Follow(leaderhttp.FollowHosts(*h...))
}
