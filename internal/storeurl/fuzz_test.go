package storeurl_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

var plainRegion = regexp.MustCompile(`^([a-z][a-z0-9-]{0,24})?$`)

// FuzzQuery: of a query that is accepted nothing is left out, and of one that is not, the error says what is wrong.
func FuzzQuery(f *testing.F) {
	f.Add("s3://bucket?region=eu-west-1&prefix=a%2Fb", "prefix,region")
	f.Add("mem:?size=1", "")
	f.Add("s3://user:secret@bucket?a=1&a=2", "a")
	f.Add("s3://user:secret@bucket?x=1", "a")
	f.Add("s3://user:secret@bucket?x=1", "")
	f.Add("s3://user:secret@bucket?x=%zz", "x")
	f.Add("s3://bucket?=1&%00=;&a=%zz", ",\x00")
	f.Add("?region", "region")
	f.Add("?=", "0")
	f.Fuzz(func(t *testing.T, raw, known string) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		keys := slices.DeleteFunc(strings.Split(known, ","), func(key string) bool { return key == "" })
		query, err := storeurl.Query(u, keys...)
		all, broken := url.ParseQuery(u.RawQuery)
		wrong := false
		for key, values := range all {
			if !slices.Contains(keys, key) || len(values) > 1 || values[0] == "" {
				wrong = true
			}
		}
		if all.Has("region") && !plainRegion.MatchString(all.Get("region")) {
			wrong = true
		}
		if redact.Hides(u) {
			wrong = true
		}
		if broken == nil && !wrong {
			require.NoError(t, err)
			require.Equal(t, all, query)
			return
		}
		require.ErrorIs(t, err, lease.ErrMisconfigured)
		require.Nil(t, query)
		require.ErrorContains(t, err, fmt.Sprintf("store URL %q: ", redact.URL(u)))
	})
}
