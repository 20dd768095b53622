package awsopen

import (
	"context"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

const form = "dynamodb://table?region=eu-west-1"

// isolated has the SDK find nothing but what the test writes into the two files.
func isolated(t *testing.T) (configFile, credentialsFile string) {
	t.Helper()
	dir := t.TempDir()
	configFile, credentialsFile = filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			require.NoError(t, os.Unsetenv(name)) // some count as soon as they are there
		}
	}
	t.Setenv("AWS_CONFIG_FILE", configFile)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", credentialsFile)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir) // HOME of Windows
	return configFile, credentialsFile
}

func load(t *testing.T, rawQuery string) (Client, error) {
	t.Helper()
	u, err := url.Parse("dynamodb://leases?" + rawQuery)
	require.NoError(t, err)
	client, err := Load(t.Context(), u, u.Query(), form)
	if err == nil {
		t.Cleanup(client.Close)
	}
	return client, err
}

func write(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// table is a client of the kind that a store makes.
func (c Client) table() *dynamodb.Client {
	return dynamodb.NewFromConfig(c.Config, func(o *dynamodb.Options) {
		if c.Endpoint != nil {
			o.BaseEndpoint = c.Endpoint
		}
	})
}

// getItem asks a table for something.
func getItem(ctx context.Context, client *dynamodb.Client) error {
	_, err := client.ListTables(ctx, &dynamodb.ListTablesInput{})
	return err
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE([]byte(body))))
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func TestLoadTakesWhatTheURLSays(t *testing.T) {
	config, credentials := isolated(t)
	write(t, config, "[profile far]\nregion = ap-south-1\n[profile vpc]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1\n")
	write(t, credentials, "[far]\naws_access_key_id = FAR\naws_secret_access_key = x\n[vpc]\naws_access_key_id = VPC\naws_secret_access_key = x\n")
	for _, test := range []struct{ query, region, key, endpoint string }{
		{"profile=far", "ap-south-1", "FAR", ""},
		{"profile=far&region=eu-west-3", "eu-west-3", "FAR", ""},
		{"profile=vpc", "eu-west-1", "VPC", "http://127.0.0.1:1"},
		{"profile=vpc&endpoint=http://127.0.0.1:2", "eu-west-1", "VPC", "http://127.0.0.1:2"},
	} {
		c, err := load(t, test.query)
		require.NoError(t, err, test.query)
		assert.Equal(t, test.region, c.Config.Region, test.query)
		keys, err := c.Config.Credentials.Retrieve(soon(t))
		require.NoError(t, err)
		assert.Equal(t, test.key, keys.AccessKeyID, test.query)
		options := c.table().Options()
		assert.Equal(t, test.endpoint, aws.ToString(options.BaseEndpoint), test.query)
		assert.Equal(t, test.endpoint != "", owns(options), test.query)
	}
	t.Setenv("AWS_PROFILE", "far")
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:3")
	c, err := load(t, "endpoint=http://127.0.0.1:4")
	require.NoError(t, err)
	assert.Equal(t, "http://127.0.0.1:4", aws.ToString(c.table().Options().BaseEndpoint), "the URL goes before the environment")
	c, err = load(t, "")
	require.NoError(t, err)
	assert.True(t, owns(c.table().Options()))
}

func owns(o dynamodb.Options) bool {
	//lint:ignore SA1019 it still works, and so counts
	return OwnEndpoint(o.BaseEndpoint, o.EndpointResolver, o.EndpointResolverV2, dynamodb.NewDefaultEndpointResolverV2())
}

type resolver struct{ dynamodb.EndpointResolverV2 }

func TestOwnEndpoint(t *testing.T) {
	t.Parallel()
	at := "http://127.0.0.1:1"
	for _, test := range []struct {
		name string
		set  func(*dynamodb.Options)
		own  bool
	}{
		{"none", func(*dynamodb.Options) {}, false},
		{"base", func(o *dynamodb.Options) { o.BaseEndpoint = &at }, true},
		//lint:ignore SA1019 it still works, and so counts
		{"resolver", func(o *dynamodb.Options) { o.EndpointResolver = dynamodb.EndpointResolverFromURL(at) }, true},
		{"resolver of version 2", func(o *dynamodb.Options) { o.EndpointResolverV2 = resolver{} }, true},
	} {
		client := dynamodb.New(dynamodb.Options{Region: "eu-west-1"}, test.set)
		assert.Equal(t, test.own, owns(client.Options()), test.name)
	}
}

// A configuration that cannot be used is told at once, and what the URL's query says is not repeated.
func TestLoadRefuses(t *testing.T) {
	config, _ := isolated(t)
	for _, test := range []struct{ name, file, query, says string }{
		{"no region", "", "", "no AWS region is set there, in AWS_REGION or in ~/.aws/config"},
		{"no profile", "", "region=eu-west-1&profile=hush", "correct ~/.aws/config"},
		{"no source of a profile", "[profile hush]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nobody\n", "region=eu-west-1&profile=hush", "nobody"},
		{"half a login", "[profile hush]\nsso_session = no\n", "region=eu-west-1&profile=hush", "correct ~/.aws/config"},
		{"a profile with MFA", "[profile a]\naws_access_key_id = A\naws_secret_access_key = B\n[profile hush]\nrole_arn = arn:aws:iam::1:role/x\n" +
			"source_profile = a\nmfa_serial = arn:aws:iam::1:mfa/y\n", "region=eu-west-1&profile=hush", "MFA"},
		{"an endpoint with a password", "", "region=eu-west-1&endpoint=http%3A%2F%2Fa%3Ahush%40host", "endpoint is the address of a server"},
		{"a role that is none", "", "region=eu-west-1&role_arn=hush", "role_arn is not an ARN"},
		{"an external ID for nothing", "", "region=eu-west-1&external_id=hush", "go with role_arn"},
		{"a session name for nothing", "", "region=eu-west-1&role_session_name=hush", "go with role_arn"},
	} {
		write(t, config, test.file)
		_, err := load(t, test.query)
		require.ErrorIs(t, err, lease.ErrMisconfigured, test.name)
		require.ErrorContains(t, err, test.says, test.name)
		assert.NotContains(t, err.Error(), "hush", test.name)
	}
	t.Setenv("AWS_CA_BUNDLE", filepath.Join(t.TempDir(), "none"))
	_, err := load(t, "region=eu-west-1")
	require.ErrorIs(t, err, lease.ErrMisconfigured)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u := &url.URL{Scheme: "dynamodb", Host: "leases", RawQuery: "profile=hush"}
	_, err = Load(ctx, u, u.Query(), form)
	require.ErrorIs(t, err, context.Canceled)
}

// The role of the URL is assumed, by the credentials that were found, and its keys sign the requests.
func TestLoadAssumesRole(t *testing.T) {
	_, credentials := isolated(t)
	write(t, credentials, "[default]\naws_access_key_id = OWN\naws_secret_access_key = x\n")
	var asked atomic.Pointer[http.Request]
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked.Store(r)
		_, _ = io.WriteString(w, role("ROLE", time.Now().Add(time.Hour)))
	}))
	defer sts.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	c, err := load(t, "region=eu-west-1&role_arn=arn:aws:iam::111122223333:role/x&external_id=e&role_session_name=s")
	require.NoError(t, err)
	keys, err := c.Config.Credentials.Retrieve(soon(t))
	require.NoError(t, err)
	assert.Equal(t, "ROLE", keys.AccessKeyID)
	r := asked.Load()
	assert.Equal(t, "arn:aws:iam::111122223333:role/x", r.Form.Get("RoleArn"))
	assert.Equal(t, "e", r.Form.Get("ExternalId"))
	assert.Equal(t, "s", r.Form.Get("RoleSessionName"))
	assert.Contains(t, r.Header.Get("Authorization"), "Credential=OWN/")
	asked.Store(nil)
	_, err = c.Config.Credentials.Retrieve(soon(t))
	require.NoError(t, err)
	assert.Nil(t, asked.Load(), "the role's keys are kept until they expire")
}

func role(key string, until time.Time) string {
	return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>` + key +
		`</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken><Expiration>` + until.UTC().Format(time.RFC3339) +
		`</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`
}

// A blackhole passes connections on until it is told to swallow what comes over those that are there; new ones work.
type blackhole struct {
	net.Listener
	to    string
	mu    sync.Mutex
	conns []*swallower
}

type swallower struct {
	net.Conn
	dead atomic.Bool
}

func (s *swallower) Write(b []byte) (int, error) {
	if s.dead.Load() {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

func newBlackhole(t *testing.T, to string) *blackhole {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &blackhole{Listener: listener, to: to}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		b.mu.Lock()
		for _, c := range b.conns {
			_ = c.Close()
		}
		b.mu.Unlock()
		all.Wait()
	})
	all.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			up, down := &swallower{Conn: out}, &swallower{Conn: in}
			b.mu.Lock()
			b.conns = append(b.conns, up, down)
			b.mu.Unlock()
			all.Go(func() { _, _ = io.Copy(struct{ io.Writer }{up}, in); _ = out.Close() })
			all.Go(func() { _, _ = io.Copy(struct{ io.Writer }{down}, out); _ = in.Close() })
		}
	})
	return b
}

// swallow makes what is connected now dead, and returns how many connections that are.
func (b *blackhole) swallow() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		c.dead.Store(true)
	}
	return len(b.conns) / 2
}

// One dead connection costs one request, and several no more than that, far from the length of a lease. The service offers HTTP/2,
// over which the SDK's own client hangs on; its certificate is that of AWS_CA_BUNDLE.
func TestDeadConnection(t *testing.T) {
	isolated(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "A")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "B")
	together := make(chan struct{}, 2) // has requests wait for each other, so that there are two connections
	var wait atomic.Bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, 1, r.ProtoMajor)
		if wait.Load() {
			together <- struct{}{}
			for len(together) < cap(together) {
				select {
				case <-r.Context().Done():
					return
				case <-time.After(time.Millisecond):
				}
			}
		}
		answer(w, 200, `{"TableNames":[]}`)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	write(t, bundle, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	t.Setenv("AWS_CA_BUNDLE", bundle)
	hole := newBlackhole(t, server.Listener.Addr().String())
	c, err := load(t, "region=eu-west-1&endpoint=https://"+hole.Addr().String())
	require.NoError(t, err)
	client := c.table()

	wait.Store(true)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { assert.NoError(t, getItem(soon(t), client)) })
	}
	both.Wait()
	wait.Store(false)
	require.Equal(t, 2, hole.swallow(), "two connections are kept")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // a renew interval, of a short lease
	defer cancel()
	require.ErrorIs(t, getItem(ctx, client), context.DeadlineExceeded)
	began := time.Now()
	require.NoError(t, getItem(soon(t), client), "the next request goes over a new connection")
	assert.Less(t, time.Since(began), 5*time.Second)
}

// Close leaves no connection open.
func TestClose(t *testing.T) {
	isolated(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "A")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "B")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, 200, "{}") }))
	connections := wire.CountConnections(server)
	server.Start()
	defer server.Close()
	c, err := load(t, "region=eu-west-1&endpoint="+server.URL)
	require.NoError(t, err)
	// The SDK closes a request's body when the answer is there: if that comes before net/http has seen the body's end, it keeps no connection.
	require.Eventually(t, func() bool {
		return getItem(t.Context(), c.table()) == nil && connections.Open() == 1
	}, 10*time.Second, time.Millisecond, "connections are kept")
	c.Close()
	require.Eventually(t, func() bool { return connections.Open() == 0 }, 10*time.Second, time.Millisecond)
}

// No redirect is followed, whatever its kind.
func TestRedirect(t *testing.T) {
	isolated(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "A")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "B")
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Error("the request went to another server")
		answer(w, 200, "{}")
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		c, err := load(t, "region=eu-west-1&endpoint="+server.URL)
		require.NoError(t, err)
		require.Error(t, getItem(soon(t), c.table()), status)
		server.Close()
	}
}
