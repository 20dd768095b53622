package azblob

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader/lease"
)

func TestBlobNames(t *testing.T) {
	t.Parallel()
	m := &manager{prefix: "team a/x-"}
	for name, want := range map[string]string{
		"orders":     "orders",
		"Orders-1_2": "Orders-1_2",
		"a/b.c":      "a%2Fb%2Ec",
		"%2F":        "%252F",
		"..":         "%2E%2E",
		`\ ?#`:       "%5C%20%3F%23",
		"ä":          "%C3%A4",
	} {
		assert.Equal(t, m.prefix+want, m.blobName(name))
	}
}

// FuzzBlobNames: each name has a separate blob. Azure takes the blob's name as it is, and that leads back to the lease's name.
func FuzzBlobNames(f *testing.F) {
	for _, name := range []string{"a", ".", "a/../b", "%41", "é", "e\u0301", " ", "team a/x-a", strings.Repeat("🚀", 63)} {
		f.Add(name)
	}
	m := &manager{prefix: strings.Repeat("p", maxPrefix)}
	plain := regexp.MustCompile(`^[A-Za-z0-9_%-]+$`)
	f.Fuzz(func(t *testing.T, name string) {
		if lease.CheckName(name) != nil {
			_, ok := m.leaseName(m.blobName(name))
			assert.False(t, ok, "%q is not a name", name)
			return
		}
		blob := m.blobName(name)
		assert.Regexp(t, plain, blob)
		assert.LessOrEqual(t, len(blob), 1024)
		got, ok := m.leaseName(blob)
		assert.True(t, ok)
		assert.Equal(t, name, got)
		assert.True(t, strings.HasPrefix(blob, m.blobName(name[:len(name)/2])))
		if back, ok := m.leaseName(m.prefix + name); ok {
			assert.Equal(t, m.prefix+name, m.blobName(back), "two blobs are one lease's")
		}
	})
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	for prefix, says := range map[string]string{
		"":                       "",
		"leases/":                "",
		"prod-":                  "",
		"a/b.c/d-":               "",
		"日本/":                    "",
		strings.Repeat("a", 259): "",
		strings.Repeat("a", 260): "longer than 259 bytes",
		"\xff":                   "not UTF-8",
		`a\b`:                    "backslash",
		"a\n":                    "control character",
		"/":                      "empty part",
		"/a":                     "empty part",
		"a//":                    "empty part",
		"a//b":                   "empty part",
		".":                      "ends in a dot",
		"../":                    "ends in a dot",
		"a./b":                   "ends in a dot",
		"a/./b":                  "ends in a dot",
	} {
		err := checkPrefix(prefix)
		if says == "" {
			assert.NoError(t, err, prefix)
			continue
		}
		assert.ErrorContains(t, err, says, prefix)
	}
	wantMisconfigured(t, New((&place{name: "leases"}).client(t, azurite, nil), WithPrefix("/")), "empty part", "WithPrefix")
}
