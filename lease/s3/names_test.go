package s3

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// The stored form is a contract with the programs of other versions.
func TestObjectAsStored(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^\{"leaseObject":1,"nonce":"[A-Z2-7]{26}"\}\na cell$`, string(encode([]byte("a cell"))))
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"orders":      "orders",
		"Team1/a_b.c": "Team1/a_b.c",
		"a-1/2":       "a-1/2",
		".":           "%2E",
		"..":          "%2E.",
		"...":         "%2E..",
		"a/..":        "a%2F..",
		"a/../b":      "a%2F..%2Fb",
		"./a":         "%2E%2Fa",
		"/a":          "%2Fa",
		"a/":          "a%2F",
		"a//b":        "a%2F%2Fb",
		"a-/b":        "a-%2Fb",
		"%2F":         "%252F",
		"a b+c":       "a%20b%2Bc",
		"é":           "%C3%A9",
		`\`:           "%5C",
		"a.":          "a.",
		"soap":        "%73oap",
	} {
		s := NewStore(nil, "b")
		assert.Equal(t, want, s.keyOf(name), name)
		got, isCell := s.nameOf(want)
		assert.True(t, isCell, want)
		assert.Equal(t, name, got)
	}
	assert.Equal(t, "so%61p", NewStore(nil, "b", WithPrefix("so")).keyOf("ap"))
	assert.Equal(t, "x/soap", NewStore(nil, "b", WithPrefix("x/")).keyOf("soap"))
}

func TestOtherKeysAreNotCells(t *testing.T) {
	t.Parallel()
	s := NewStore(nil, "b", WithPrefix("x/"))
	for _, key := range []string{"", "x/", "orders", "y/orders", "x/%6Frders", "x/%2f", "x/%", "x/a b", "x/a/", "x/a//b", "x/.", "x/é", "x/%00"} {
		_, isCell := s.nameOf(key)
		assert.False(t, isCell, key)
	}
}

// FuzzKeys: the way to a key and back keeps the name, a key is one that nobody changes, and a list finds it.
func FuzzKeys(f *testing.F) {
	f.Add("a/b", 2, "")
	f.Add("//..//", 3, "x/")
	f.Add("soap", 4, "")
	f.Add("ap", 0, "so")
	f.Add(strings.Repeat("%", 255), 255, strings.Repeat("p", 255))
	f.Fuzz(func(t *testing.T, name string, cut int, prefix string) {
		s := NewStore(&s3.Client{}, "b", WithPrefix(prefix))
		if lease.CheckName(name) != nil || s.ready() != nil {
			t.Skip()
		}
		key := s.keyOf(name)
		back, isCell := s.nameOf(key)
		require.True(t, isCell)
		require.Equal(t, name, back)
		require.LessOrEqual(t, len(key), 1024)
		require.NotEqual(t, "soap", key)
		require.Equal(t, "/"+key, path.Clean("/"+key), "no client resolves anything in it")
		own := key[len(prefix):]
		require.Equal(t, strings.ToValidUTF8(own, "!"), own)
		require.True(t, utf8.ValidString(key))
		begin := name[:min(max(cut, 0), len(name))]
		require.True(t, strings.HasPrefix(key, s.keyPrefix(begin)), "%q in a list of %q", key, s.keyPrefix(begin))
	})
}

func TestRefusedPlaces(t *testing.T) {
	t.Parallel()
	client := newAnswers(t, wire.Cut(wire.Before))
	for _, s := range []*Store{
		NewStore(nil, "b"),
		NewStore((*s3.Client)(nil), "b"),
		NewStore(client, ""),
		NewStore(client, "b", WithExpectedBucketOwner("12345678901")),
		NewStore(client, "b", WithServerSideEncryption("aws:kmz", "")),
		NewStore(client, "b", WithServerSideEncryption("AES256", "alias/key")),
		NewStore(client, "b", WithServerSideEncryption("", "alias/key")),
		NewStore(client, "b", WithPrefix("/")),
		NewStore(client, "b", WithPrefix("/a")),
		NewStore(client, "b", WithPrefix("a//")),
		NewStore(client, "b", WithPrefix("a/./")),
		NewStore(client, "b", WithPrefix("a/..")),
		NewStore(client, "b", WithPrefix("..")),
		NewStore(client, "b", WithPrefix("a\n")),
		NewStore(client, "b", WithPrefix("\xff")),
		NewStore(client, "b", WithPrefix(strings.Repeat("p", 256))),
	} {
		_, err := s.Load(t.Context(), "a")
		assert.ErrorIs(t, err, lease.ErrMisconfigured, s.String())
		_, err = s.Swap(t.Context(), "a", "", nil)
		assert.ErrorIs(t, err, lease.ErrMisconfigured, s.String())
		for _, err := range s.List(t.Context(), "") {
			assert.ErrorIs(t, err, lease.ErrMisconfigured, s.String())
		}
	}
	_, err := NewStore(client, "b").Swap(t.Context(), "a", "", []byte(strings.Repeat("x", lease.MaxCell+1)))
	require.ErrorIs(t, err, lease.ErrInvalid)
	_, err = NewStore(client, "b").Swap(t.Context(), "a", "", []byte("\xff"))
	require.ErrorIs(t, err, lease.ErrInvalid)
}
