package gcs

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/lease"
)

func TestNamesBecomeObjects(t *testing.T) {
	t.Parallel()
	s := NewStore(nil, "b", WithPrefix("p/"))
	for name, want := range map[string]string{
		"orders-projection":             "p/orders-projection",
		"Orders_v1.2":                   "p/Orders_v1.2",
		".":                             "p/%2E",
		"..":                            "p/%2E.",
		"../x":                          "p/%2E.%2Fx",
		".well-known/acme-challenge/x":  "p/%2Ewell-known%2Facme-challenge%2Fx",
		"a//b/":                         "p/a%2F%2Fb%2F",
		"#[*?]":                         "p/%23%5B%2A%3F%5D",
		"50% é":                         "p/50%25%20%C3%A9",
		strings.Repeat("世", 85):         "p/" + strings.Repeat("%E4%B8%96", 85),
		strings.Repeat("a", 254) + "\"": "p/" + strings.Repeat("a", 254) + "%22",
	} {
		assert.Equal(t, want, s.objectOf(name))
		back, isLease := s.nameOf(want)
		assert.True(t, isLease, want)
		assert.Equal(t, name, back)
	}
}

func TestForeignObjectsAreNoLeases(t *testing.T) {
	t.Parallel()
	s := NewStore(nil, "b", WithPrefix("p/"))
	for _, object := range []string{
		"", "p/", "orders", "q/orders", "p/a/b", "p/.", "p/..", "p/.hidden", "p/a b", "p/é", "p/%", "p/%zz", "p/%2e", "p/%41", "p/a%0A",
		"p/%FF", "p/a#1", "p/a+b", "p/" + strings.Repeat("a", 256),
	} {
		name, isLease := s.nameOf(object)
		assert.False(t, isLease, "%s is taken for the object of %q", object, name)
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "leases/", "prod-", "a/b/", "é/", "/", ".well-known/", strings.Repeat("p", 259)} {
		assert.Empty(t, checkPrefix(good))
		longest := NewStore(nil, "b", WithPrefix(good)).objectOf(strings.Repeat("/", 255))
		assert.LessOrEqual(t, len(longest), 1024)
	}
	_, client := newCanned(t)
	for bad, says := range map[string]string{
		strings.Repeat("p", 260): "260 bytes", "\xff": "UTF-8", "a\nb": "line break", "\r": "line break",
		".well-known/acme-challenge/": "acme-challenge", ".well-known/acme-challenge/leases/": "acme-challenge",
	} {
		s := NewStore(client, "b", WithPrefix(bad))
		wantMisconfigured(t, s, says, "gcs.WithPrefix")
	}
}

// wantMisconfigured fails unless every way into the store ends in an ErrMisconfigured that says all that.
func wantMisconfigured(t testing.TB, s *Store, says ...string) {
	t.Helper()
	_, loadErr := s.Load(t.Context(), "a")
	_, swapErr := s.Swap(t.Context(), "a", "", nil)
	var listErr error
	for _, listErr = range s.List(t.Context(), "") {
	}
	for _, err := range []error{loadErr, swapErr, listErr} {
		require.ErrorIs(t, err, lease.ErrMisconfigured)
		for _, what := range says {
			assert.ErrorContains(t, err, what)
		}
		errtest.Advice(t, err)
	}
}

func FuzzNames(f *testing.F) {
	f.Add("orders", "Orders", "")
	f.Add("../x", "%2E.%2Fx", "leases/")
	f.Add("e\u0301", "\u00e9", "p")
	f.Add("a%2f", "a/", "a%")
	f.Add(strings.Repeat("日", 85), strings.Repeat("日", 84)+"本", strings.Repeat("p", 259))
	f.Fuzz(func(t *testing.T, a, b, prefix string) {
		if lease.CheckName(a) != nil || lease.CheckName(b) != nil || checkPrefix(prefix) != "" {
			t.Skip()
		}
		s := NewStore(nil, "b", WithPrefix(prefix))
		object := s.objectOf(a)
		back, isLease := s.nameOf(object)
		require.True(t, isLease)
		require.Equal(t, a, back)
		require.Equal(t, a == b, object == s.objectOf(b), "%q and %q", a, b)
		// List asks for the names that it is to find.
		require.Equal(t, strings.HasPrefix(a, b), strings.HasPrefix(object, s.objectOf(b)) && strings.HasPrefix(a, b))
		if strings.HasPrefix(a, b) {
			require.True(t, strings.HasPrefix(object, s.objectOf(b)))
		}
		require.Regexp(t, `^([A-Za-z0-9_-]|%[0-9A-F]{2})([A-Za-z0-9_.-]|%[0-9A-F]{2})*$`, strings.TrimPrefix(object, prefix))
		require.True(t, utf8.ValidString(object))
		require.LessOrEqual(t, len(object), 1024)
	})
}
