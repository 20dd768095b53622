package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/leaderui"
)

// defaultListen is where leader ui serves its page: on this machine alone.
const defaultListen = "127.0.0.1:8090"

func (a *app) uiCommand() *cobra.Command {
	var u uiFlags
	cmd := &cobra.Command{
		Use:   "ui",
		Short: "A page with everything in the store, for browsers",
		Long: `ui serves a page that shows every lease and every fleet of the store: who leads, since when, with which token, and how long
that lasts without a renewal; what moves, what is nobody's, and why; what has changed; and trouble on top. The page keeps itself up to
date, and reloads itself in a browser without scripts. It shows no lease's value.

One reader looks at the store, however many browsers look at the page: at most once in --every, and with at most --requests a second
on average. It stops while nobody looks. On DynamoDB, which bills a list by the size of what it reads, 4 KB count as a request.
Listing needs one more permission (dynamodb:Scan, s3:ListBucket, storage.objects.list).

The page is for this machine alone, unless --listen names another address. That needs --auth:
  token:FILE    browsers ask for the token in the file, as a password with any user name; programs send it as a Bearer token. Without
                a proxy that speaks TLS, it can be read on the way
  header:NAME   a reverse proxy lets users in, and names them in this header. Let nobody but the proxy reach the address, and let
                it remove the header from what browsers send
Requests must name localhost, an IP address, or a --host.

ui only reads. With --actions, the page can take a lease from its holder, as leader break does, ask it to hand over, as leader
handover does, or drain the node in a fleet's seat, as leader fleet drain does, if that is still the holder that the page has shown.

GET /state has the same in JSON.

Exit codes:
  1  the address cannot be listened on
  2  a flag, an argument or the store's URL is wrong

Environment: LEADER_STORE, LEADER_TIMEOUT, LEADER_UI_LISTEN, LEADER_EVERY,
LEADER_REQUESTS, LEADER_AUTH, LEADER_HOST, LEADER_ACTIONS,
LEADER_TELL; NO_COLOR.`,
		Example: `  leader ui --store s3://my-leases
  leader ui --listen :8090 --auth token:/run/secrets/ui --host ui.example.com`,
		Args:              args(cobra.NoArgs),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := u.options(a.limit())
			if err != nil {
				return usage(err)
			}
			return a.onTellingStore(cmd.Context(), u.tell, func(s *store.Store) error { return a.ui(cmd.Context(), s, u.listen, opts) })
		},
	}
	cmd.Flags().StringVar(&u.listen, "listen", defaultListen, "`address` of the page (default "+defaultListen+")")
	listen := cmd.Flags().Lookup("listen")
	listen.DefValue = ""                                                        // the usage has it
	listen.Annotations = map[string][]string{ownVariable: {"LEADER_UI_LISTEN"}} // LEADER_LISTEN is where leader run shows its status
	cmd.Flags().DurationVar(&u.every, "every", leaderui.DefaultEvery, "`interval` between two looks at the store, at least")
	cmd.Flags().Float64Var(&u.requests, "requests", leaderui.DefaultRequests, "`number` of requests to the store in a second, at most, on average")
	cmd.Flags().StringVar(&u.auth, "auth", "", "who may see the page: token:FILE or header:NAME (`how`)")
	cmd.Flags().StringArrayVar(&u.hosts, "host", nil, "a `name` under which browsers ask for the page; may be repeated")
	cmd.Flags().BoolVar(&u.actions, "actions", false, "let the page break leases, hand them over, and drain nodes")
	tellFlag(cmd, &u.tell)
	return cmd
}

type uiFlags struct {
	listen, auth string
	every        time.Duration
	requests     float64
	hosts        []string
	actions      bool
	tell         hosts
}

// options returns the page's options. The error has everything that is wrong with the flags.
func (u *uiFlags) options(timeout time.Duration) ([]leaderui.Option, error) {
	opts := []leaderui.Option{leaderui.WithEvery(u.every), leaderui.WithRequests(u.requests), leaderui.WithTimeout(timeout), leaderui.WithHosts(u.hosts...)}
	if u.actions {
		opts = append(opts, leaderui.WithActions())
	}
	auth, authErr := u.authOption()
	errs := []error{authErr}
	if len(u.tell) > 0 && !u.actions {
		errs = append(errs, errors.New("--tell is for what the page asks of holders: give --actions, too"))
	}
	if auth != nil {
		opts = append(opts, auth)
	}
	host, err := listenHost(u.listen, defaultListen)
	switch {
	case err != nil:
		errs = append(errs, err)
	case !isLoopback(host) && u.auth == "":
		errs = append(errs, fmt.Errorf("--listen %q reaches other machines: say with --auth who may see the page", u.listen))
	case host != "" && net.ParseIP(host) == nil:
		opts = append(opts, leaderui.WithHosts(host))
	}
	if u.every < leaderui.MinEvery {
		errs = append(errs, fmt.Errorf("--every %v: it is at least %v", u.every, leaderui.MinEvery))
	}
	if !(u.requests > 0) || u.requests > leaderui.MaxRequests {
		errs = append(errs, fmt.Errorf("--requests %v: give a number above 0, and up to %d", u.requests, leaderui.MaxRequests))
	}
	for _, h := range u.hosts {
		if h == "" || strings.ContainsAny(h, ":/ ") {
			errs = append(errs, fmt.Errorf("--host %q is no name of a host: give it without a port, such as ui.example.com", h))
		}
	}
	return opts, errors.Join(errs...)
}

// authOption returns the option that --auth stands for; nil for none.
func (u *uiFlags) authOption() (leaderui.Option, error) {
	kind, of, _ := strings.Cut(u.auth, ":")
	var opt leaderui.Option
	switch {
	case u.auth == "":
		return nil, nil
	case kind == "header" && of != "":
		opt = leaderui.WithProxyHeader(of)
	case kind == "token" && of != "":
		text, err := os.ReadFile(of)
		if err != nil {
			return nil, fmt.Errorf("--auth: the token: %w", err)
		}
		token := strings.TrimSpace(string(text))
		if len(token) < leaderui.MinToken {
			return nil, fmt.Errorf("--auth: the token in %s has %d bytes, and can be guessed: write %d or more into it", of, len(token), leaderui.MinToken)
		}
		opt = leaderui.WithToken(token)
	default:
		return nil, fmt.Errorf("--auth %q: give token:FILE or header:NAME", u.auth)
	}
	if leaderui.Validate(opt) != nil {
		return nil, fmt.Errorf("--auth %q is no name of a header", u.auth)
	}
	return opt, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (a *app) ui(ctx context.Context, s *store.Store, listen string, opts []leaderui.Option) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	page := leaderui.New(s.Manager, opts...)
	defer page.Close()
	fmt.Fprintf(a.out, "http://%s/ shows the store until you interrupt this.\n", l.Addr())
	server := &http.Server{Handler: page, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	return server.Serve(l)
}
