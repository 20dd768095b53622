package azblob

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

// connectionVariable is the variable that Azure's own tools read.
// https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
const connectionVariable = "AZURE_STORAGE_CONNECTION_STRING"

const urlForm = "azblob://account/container or azblob://account/container/folder"

// A Credential makes the credential with which a client shows the program's identity. The options have the cloud of the account,
// and the connections to use. It is called again when the identity service, by an error of azidentity, refuses the credential: a
// certificate may have been replaced in its file. That is at most once in five seconds.
type Credential func(azcore.ClientOptions) (azcore.TokenCredential, error)

// Opener returns a lease.Opener for the URLs that the package comment describes: lease.Register("azblob", Opener(credential)). Package
// byurl registers one with azidentity's default credential. Without a credential, if it is nil, only AZURE_STORAGE_CONNECTION_STRING
// opens a container.
func Opener(credential Credential) lease.Opener {
	return func(_ context.Context, u *url.URL) (lease.Manager, error) {
		return open(u, os.Getenv(connectionVariable), credential)
	}
}

// containerIn returns the container and the folder that a URL names.
func containerIn(u *url.URL) (name, folder string, err error) {
	name, folder, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if folder != "" {
		folder = strings.TrimSuffix(folder, "/") + "/"
	}
	why := ""
	switch {
	case u.Opaque != "" || u.User != nil || u.Fragment != "":
		why = "it has more than an account, a container and a folder"
	case u.Host != "" && !accountName.MatchString(u.Host):
		why = "its host is not the name of a storage account, which is 3 to 24 lower-case letters and digits"
	case name == "":
		why = "it names no container"
	case !containerName.MatchString(name):
		why = "its path does not begin with the name of a container, which is 3 to 63 lower-case letters, digits and hyphens"
	}
	if why == "" && folder != "" {
		if err := checkPrefix(folder); err != nil {
			why = "the folder " + err.Error()
		}
	}
	if why != "" {
		return "", "", storeurl.Refuse(u, why, urlForm)
	}
	return name, folder, nil
}

func open(u *url.URL, connection string, credential Credential) (lease.Manager, error) {
	name, folder, err := containerIn(u)
	if err != nil {
		return nil, err
	}
	query, err := storeurl.Query(u, "create", "suffix", "endpoint", "prefix")
	if err != nil {
		return nil, err
	}
	prefix := folder + query.Get("prefix")
	if folder != "" && prefix != folder {
		return nil, storeurl.Refuse(u, "it has both a folder and a prefix", urlForm)
	}
	create, _, err := storeurl.Bool(u, query, "create")
	if err != nil {
		return nil, err
	}
	t := target{account: u.Host, container: url.PathEscape(name)}
	if t.endpoint, t.given, err = endpointOf(u, query); err != nil {
		return nil, err
	}
	transport := newTransport()
	client, err := connect(t, connection, transport, credential)
	if wrong, ok := errors.AsType[*lease.MisconfiguredError](err); ok {
		return nil, storeurl.Wrong(u, wrong.Err.Error(), wrong.Advice)
	}
	if err != nil {
		return nil, storeurl.Refuse(u, err.Error(), urlForm)
	}
	opts := []Option{WithPrefix(prefix), func(m *manager) { m.close = transport.CloseIdleConnections }}
	if create {
		opts = append(opts, WithCreateContainer())
	}
	return New(client, opts...), nil
}

// A target is the container that a URL names.
type target struct {
	account   string // empty: the connection string names it
	container string
	endpoint  string // the account's address; empty: the connection string has it
	given     bool   // the URL gives the endpoint, not only the account
}

// endpointOf returns the account's address in the URL: https://account.blob.core.windows.net, or what the query says.
func endpointOf(u *url.URL, query url.Values) (endpoint string, given bool, err error) {
	suffix := query.Get("suffix")
	endpoint, err = storeurl.Endpoint(u, query)
	account, secondary := accountAt(endpoint)
	refuse := func(why, form string) (string, bool, error) { return "", false, storeurl.Refuse(u, why, form) }
	switch {
	case err != nil:
		return "", false, err
	case endpoint != "" && suffix != "":
		return refuse("it has an endpoint and a suffix", "one of them")
	case secondary:
		return refuse("its endpoint is the account's secondary, which lags behind", "the primary endpoint")
	case account != "" && u.Host != "" && account != u.Host:
		return refuse("its endpoint is another account's", "that of the account")
	case endpoint != "":
		return strings.TrimSuffix(endpoint, "/"), true, nil
	case suffix != "" && !endpointSuffix.MatchString(suffix):
		return refuse("its suffix is none", "what follows after account.blob. in the account's address, as suffix=core.usgovcloudapi.net")
	case u.Host == "" && suffix != "":
		return refuse("it has a suffix, but names no account", urlForm)
	case u.Host == "":
		return "", false, nil
	case suffix == "":
		return "https://" + u.Host + ".blob." + publicSuffix, false, nil
	}
	return "https://" + u.Host + ".blob." + suffix, true, nil
}

// connect returns a client for the container. Its errors must not repeat the connection string, which is a secret.
func connect(t target, connection string, transport *http.Transport, credential Credential) (*container.Client, error) {
	opts := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		// The service never redirects a client: a redirect comes from something on the way.
		Transport: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		PerCallPolicies: []policy.Policy{runtime.NewRequestIDPolicy()}, // see strange
	}}
	switch {
	case connection != "":
		return connectString(t, connection, opts)
	case t.endpoint == "":
		return nil, failure.Misconfigured("it names no account, and "+connectionVariable+" is not set", "use "+urlForm)
	case !strings.HasPrefix(t.endpoint, "https://"):
		return nil, failure.Misconfigured("its endpoint is not https, over which alone an identity may be shown",
			"use an https endpoint, or, for an account key or a SAS, set "+connectionVariable)
	case credential == nil:
		return nil, failure.Misconfigured("this program has no source of credentials, and "+connectionVariable+" is not set",
			"set it, or give Opener a credential")
	}
	identity, err := newRenewed(func() (azcore.TokenCredential, error) {
		return credential(azcore.ClientOptions{Cloud: cloudOf(t.endpoint), Transport: &http.Client{Transport: transport}})
	})
	if err != nil {
		return nil, err
	}
	return container.NewClient(t.endpoint+"/"+t.container, identity, opts)
}

// connectString returns the client that the connection string describes. The URL must not contradict it.
func connectString(t target, connection string, opts *container.ClientOptions) (*container.Client, error) {
	fields := parseConnection(connection)
	client, err := container.NewClientFromConnectionString(fields.String(), t.container, opts)
	if err != nil {
		return nil, failure.Misconfigured(connectionVariable+" is not a connection string with an account key or a SAS", "copy it as the portal shows it")
	}
	where, _, _ := strings.Cut(client.URL(), "?")
	there, secondary := accountAt(where)
	if name := fields.get("AccountName"); name != "" {
		there = name
	}
	switch {
	case secondary:
		return nil, failure.Misconfigured(connectionVariable+" has the account's secondary endpoint, which lags behind", "take the primary")
	case t.account != "" && there != "" && t.account != there:
		return nil, failure.Misconfigured(connectionVariable+" is for another account", "unset it, or name that account or none")
	case t.given && where != t.endpoint+"/"+t.container:
		return nil, failure.Misconfigured(connectionVariable+" says that the account is elsewhere", "leave endpoint and suffix out, or unset it")
	}
	return client, nil
}

// newTransport makes the connections of one manager, over HTTP/1.1. There, a request that times out closes its
// connection, and the next request opens a new one. Over HTTP/2, where all requests share a connection, azcore notices
// only after 15 seconds that the connection is dead: as long as the shortest lease lasts. Azure itself speaks HTTP/1.1.
func newTransport() *http.Transport {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 10,
		IdleConnTimeout:     90 * time.Second,
		Protocols:           new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return t
}
