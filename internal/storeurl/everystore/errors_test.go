package everystore

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/internal/storeurl/urltest"
	"github.com/cloudlease/leader/lease"
)

// nowhere is the name of a table, a bucket, a container and a directory, and of nothing else in a message.
const nowhere = "q7nowhere"

// A service is a store whose service refuses everything.
type service struct {
	url     string // SERVER is the service's address
	env     string // has to have the address, too
	refuses http.HandlerFunc
}

func refusal(status int, contentType, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10)) // DynamoDB's
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

var services = map[string]service{
	"dynamodb": {
		url: "dynamodb://" + nowhere + "?region=eu-west-1&prefix=a/&partition_key=pk&endpoint=SERVER",
		refuses: refusal(400, "application/x-amz-json-1.0", `{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","Message":"no"}`,
			"X-Amzn-Requestid", "r-1"),
	},
	"s3": {
		url: "s3://" + nowhere + "/a/b?endpoint=SERVER",
		refuses: refusal(403, "application/xml", `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>`,
			"X-Amz-Request-Id", "r-1"),
	},
	"gs": {
		url: "gs://" + nowhere + "?prefix=a-", env: "STORAGE_EMULATOR_HOST=SERVER",
		refuses: refusal(403, "application/json", `{"error":{"code":403,"message":"no","errors":[{"message":"no","domain":"global","reason":"forbidden"}]}}`),
	},
	"azblob": {
		url: "azblob://account1/" + nowhere + "/a?endpoint=SERVER/account1",
		env: "AZURE_STORAGE_CONNECTION_STRING=AccountName=account1;AccountKey=c2VjcmV0;BlobEndpoint=SERVER/account1",
		refuses: refusal(403, "application/xml", "", "X-Ms-Error-Code", "AuthorizationPermissionMismatch", "X-Ms-Request-Id", "r-1",
			"X-Ms-Version", "2024-11-04"),
	},
	"file": {url: "file://SERVER/" + nowhere},
}

// open opens the store, with the server in the service's place: for a directory, below a file.
func (s service) open(t *testing.T, answer http.HandlerFunc) lease.Manager {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	address := server.URL
	if s.refuses == nil {
		address = filepath.ToSlash(t.TempDir())
		require.NoError(t, os.WriteFile(filepath.Join(address, nowhere), nil, 0o600))
	}
	if name, value, ok := strings.Cut(s.env, "="); ok {
		t.Setenv(name, strings.ReplaceAll(value, "SERVER", address))
	}
	m, err := lease.Open(t.Context(), strings.ReplaceAll(s.url, "SERVER", address))
	require.NoError(t, err)
	t.Cleanup(func() { _ = lease.Close(m) })
	return m
}

// alone has the SDKs find nothing but what the test sets.
func alone(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "", "AWS_REGION": "eu-west-1", "AWS_PROFILE": "",
		"GOOGLE_CLOUD_PROJECT": "test", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
}

// asked has what a manager was asked for, and its error.
type asked struct {
	tried string
	err   error
}

func askedAll(ctx context.Context, m lease.Manager) []asked {
	held := lease.Lease{Name: "orders", Holder: "h", ID: "7b6bbd5d-3b1f-4fb6-8f52-e1ac0c1d3a12", Token: 1, Length: 15 * time.Second, Version: "15s 0    7"}
	_, acquired := m.Acquire(ctx, lease.Request{Name: "orders", Holder: "h", Length: 15 * time.Second})
	_, renewed := m.Renew(ctx, held)
	_, inspected := lease.Inspect(ctx, m, "orders")
	var listed error
	for _, listed = range lease.List(ctx, m, "orders") {
		break
	}
	_, made := lease.MakePlace(ctx, m, "")
	return []asked{
		{`acquire lease "orders"`, acquired},
		{`renew lease "orders"`, renewed},
		{`release lease "orders"`, m.Release(ctx, held)},
		{`inspect lease "orders"`, inspected},
		{`break lease "orders"`, lease.Break(ctx, m, lease.Info{Name: "orders", ID: "x"})},
		{`list leases "orders"`, listed},
		{`look for it`, lease.FindPlace(ctx, m)},
		{`make it`, made},
	}
}

// composed fails unless the error begins with the place and what was tried, and names the place nowhere else.
func (a asked) composed(t *testing.T, place string) {
	t.Helper()
	text := a.err.Error()
	begin := place + ": " + a.tried + ": "
	require.True(t, strings.HasPrefix(text, begin), "%s\ndoes not begin with\n%s", text, begin)
	assert.NotContains(t, text[len(place):], place, "the place is there twice")
	assert.NotContains(t, text, "\n")
	assert.NotContains(t, text, lease.ErrMisconfigured.Error(), "the advice says so")
	assert.NotRegexp(t, `: *$|: *:|%!`, text)
}

// Whatever a manager is asked for, its errors read alike: the place once, what was tried, the cause, the advice.
func TestErrorsReadAlike(t *testing.T) {
	alone(t)
	for scheme := range urltest.Places {
		_, known := services[scheme]
		require.True(t, known || scheme == "mem" || scheme == "nosuch", "%s has no row", scheme) // memory refuses nothing
	}
	for scheme, service := range services {
		t.Run(scheme, func(t *testing.T) {
			m := service.open(t, service.refuses)
			place := lease.PlaceOf(m)
			var refused int
			for _, a := range askedAll(t.Context(), m) {
				if a.err == nil { // some reads do not tell
					require.Equal(t, "look for it", a.tried)
					continue
				}
				a.composed(t, place)
				require.ErrorIs(t, a.err, lease.ErrMisconfigured)
				refused++
				text := a.err.Error()
				errtest.Advice(t, a.err)
				assert.NotContains(t, text[len(place):], nowhere, "the place is named in another way, too")
			}
			require.GreaterOrEqual(t, refused, 7)
		})
	}
}

// So do errors that are temporary: of an answer that is not the service's, and of none at all.
func TestTemporaryErrorsReadAlike(t *testing.T) {
	alone(t)
	for scheme, service := range services {
		if service.refuses == nil {
			continue
		}
		for what, answer := range map[string]http.HandlerFunc{
			"a page":           refusal(200, "text/html", "<html>Please log in</html>"),
			"a gateway's page": refusal(404, "text/html", "<html>Nothing here</html>"),
			"no answer":        func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		} {
			t.Run(scheme+"/"+what, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second) // some clients try again until it ends
				defer cancel()
				m := service.open(t, answer)
				for _, a := range askedAll(ctx, m)[:5] {
					if require.Error(t, a.err); !errors.Is(a.err, lease.ErrLost) {
						a.composed(t, lease.PlaceOf(m))
					}
					assert.NotErrorIs(t, a.err, lease.ErrMisconfigured)
				}
			})
		}
	}
}

// The place that errors name is one that Open takes, and it is the same one.
func TestOpenTakesThePlaceOfAManager(t *testing.T) {
	alone(t)
	for scheme, service := range services {
		m := service.open(t, http.NotFound)
		place := lease.PlaceOf(m)
		require.Regexp(t, regexp.MustCompile(`^`+scheme+`://[^ ]*`+nowhere), place)
		again, err := lease.Open(t.Context(), place)
		require.NoError(t, err, place)
		require.Equal(t, place, lease.PlaceOf(again))
		require.NoError(t, lease.Close(again))
	}
	m, err := lease.Open(t.Context(), "mem:")
	require.NoError(t, err)
	require.Equal(t, "memory", lease.PlaceOf(m), "no URL names it")
}
