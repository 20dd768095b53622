// Package everystore has tests of what holds for the URLs and the errors of every store. It is apart from storeurl, which all
// stores use: a program that imports one store would have the modules that the tests of storeurl need in its go.sum.
package everystore

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/azblob/byurl"
	_ "github.com/cloudlease/leader/lease/dynamodb"
	_ "github.com/cloudlease/leader/lease/file"
	_ "github.com/cloudlease/leader/lease/gcs"
	_ "github.com/cloudlease/leader/lease/memory"
	_ "github.com/cloudlease/leader/lease/s3"
)

// isolated has no SDK find anything that is this machine's, or ask anybody. The fuzzer's workers begin here, too.
func isolated(f *testing.F) {
	f.Helper()
	config := filepath.Join(f.TempDir(), "config")
	require.NoError(f, os.WriteFile(config, []byte("[profile far]\nregion = ap-south-1\n"), 0o600))
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": config, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_SESSION_TOKEN": "",
		"STORAGE_EMULATOR_HOST": "127.0.0.1:1", "AZURE_STORAGE_CONNECTION_STRING": "",
	} {
		f.Setenv(name, value)
	}
}

var schemes = []string{"mem", "file", "dynamodb", "s3", "gs", "azblob", "nosuch"}

// open opens a URL, and checks what is so of every error.
func open(t *testing.T, raw string) error {
	t.Helper()
	m, err := lease.Open(t.Context(), raw)
	if err != nil {
		require.Nil(t, m)
		require.ErrorIs(t, err, lease.ErrMisconfigured, "a URL stays wrong")
		return err
	}
	require.NoError(t, lease.Close(m))
	return nil
}

// FuzzOpen: whatever the URL, it is opened or refused, with nothing sent; an error says of what it is; and what is opened
// is not with one more query key, which the error names, with the scheme.
func FuzzOpen(f *testing.F) {
	isolated(f)
	for _, url := range []string{
		"", "mem:", "mem://place", "file:///var/lib/leader", "file:a%2Fb", "file:///C:/dir", "file://localhost/a?b#c", "file:%zz",
		"dynamodb://leases?region=eu-west-1&prefix=a%2F&endpoint=http://127.0.0.1:1", "dynamodb://leases?profile=far",
		"dynamodb://leases?profile=nobody", "s3://bucket/folder?region=eu-west-1&path_style=true", "s3://b?path_style=2",
		"s3://b//..//?region=%00", "s3://[::1]?region=x", "gs://bucket/folder", "gs://b/%0A", "gs://b:80",
		"azblob://account1/container/folder?create=true", "azblob:///container", "azblob://account1/%2e%2e/..", "azblob://a/$root",
		"nosuch://user:secret@place", "S3://b?region=x", "s3:b", "://", "s3://b?region=a;b", "s3://b?region=x&region=y", "%",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		err := open(t, raw)
		u, parseErr := url.Parse(raw)
		switch {
		case parseErr != nil:
			require.ErrorContains(t, err, "not a store URL")
		case err != nil:
			require.ErrorContains(t, err, "store URL")
			require.ErrorContains(t, err, u.Scheme)
		default:
			more := *u
			more.RawQuery = strings.TrimPrefix(more.RawQuery+"&nosuchkey=1", "&")
			err := open(t, more.String())
			require.Error(t, err)
			require.ErrorContains(t, err, `the key "nosuchkey" is unknown: `)
		}
	})
}

// FuzzPassword: where people write a password, and where they mean to, no error repeats it. What a URL's syntax does not
// take is theirs to write as %XX, and forgotten as often as not; so are the slashes.
func FuzzPassword(f *testing.F) {
	isolated(f)
	for i := range schemes {
		f.Add(uint(i), "//", "user", "p4ssw0rd", "place/folder?region=x")
	}
	f.Add(uint(3), "", "user", "p4ssw0rd", "bucket")
	f.Add(uint(3), "/", "user", "p4ssw0rd", "bucket")
	f.Add(uint(2), "//", "user", "p4ss@w0rd", "leases?region=x")
	f.Add(uint(2), "//", "user", "p4ss/w0rd", "leases?region=x")
	f.Add(uint(4), "//", "user", "12345/w0rd", "leases")
	f.Add(uint(4), "//", "user", "?1234567", "leases")
	f.Add(uint(5), "//", "user", "#1234567", "leases")
	f.Add(uint(5), "//", "user", "%7041ssword", "leases/x")
	f.Add(uint(6), "//", "", "p4ssw0rd", "")
	f.Fuzz(func(t *testing.T, scheme uint, slashes, user, password, rest string) {
		scheme %= uint(len(schemes) + 1)
		raw := slashes + user + ":" + password + "@" + rest
		if int(scheme) < len(schemes) {
			raw = schemes[scheme] + ":" + raw
		}
		if strings.Trim(slashes, "/") != "" || len(password) < 8 || strings.ContainsAny(user, ":@/?#") ||
			strings.Contains(user+"@"+rest, password) || strings.Contains(rest, "@") || len(user) == 1 && password[0] == '/' {
			return // it is not a password, or is written elsewhere as well; or a directory of a drive
		}
		err := open(t, raw)
		if err == nil {
			return
		}
		if text := err.Error(); strings.Contains(text, password) {
			harmless := open(t, strings.Replace(raw, password, strings.Repeat("x", len(password)), 1))
			if harmless == nil || !strings.Contains(harmless.Error(), password) { // else the text has it anyway, as a part of it
				t.Fatalf("the error has the password %q: %s", password, text)
			}
		}
	})
}

// What FuzzPassword found: url.URL.Redacted sees a password only where the syntax of URLs has it.
func TestOpenRepeatsNoPasswordFromTheWrongPlace(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"mem:user:p4ssw0rd@place", "mem:/user:p4ssw0rd@place", "mem://user:12345/p4ssw0rd@place", "mem://user:?p4ssw0rd@place",
		"mem://user:#p4ssw0rd@place", "mem://user:a@b/p4ssw0rd@place", "user:p4ssw0rd@place", "dynamodb:user:p4ssw0rd@leases",
		"mem://place?endpoint=http://user:p4ssw0rd@host",
	} {
		_, err := lease.Open(t.Context(), url)
		require.ErrorIs(t, err, lease.ErrMisconfigured, url)
		require.NotContains(t, err.Error(), "p4ssw0rd")
		require.ErrorContains(t, err, `:...": `, url)
	}
	_, err := lease.Open(t.Context(), "mem:///user@example.com/leases")
	require.ErrorContains(t, err, `"mem:///user@example.com/leases": memory has no places to name`, "an @ alone hides nothing")
}
