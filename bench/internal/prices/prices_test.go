package prices

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMonth(t *testing.T) {
	t.Parallel()
	s := Service{Write: Unit{"write", 0.625, 1_000_000}, Read: Unit{"read", 0.125, 1_000_000}}
	// A write every five seconds: 720 an hour, 525,600 in 730 hours; at 0.625 for a million, 0.3285.
	assert.InDelta(t, 0.3285, s.Month(Rate{Writes: 720}), 1e-9)
	assert.InDelta(t, 0.0657, s.Month(Rate{Reads: 720}), 1e-9)
	assert.InDelta(t, 0.3942, s.Month(Rate{Writes: 720, Reads: 720}), 1e-9)
	assert.Zero(t, s.Month(Rate{}))
}

func TestUnit(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "PUT: $0.005 for 1,000", Unit{"PUT", 0.005, 1_000}.String())
	assert.Equal(t, "unit: $0.625 for 1 million", Unit{"unit", 0.625, 1_000_000}.String())
	assert.InDelta(t, 0.000005, Unit{"PUT", 0.005, 1_000}.Each(), 1e-15)
}

func TestServicesSayWhereTheirPricesAreFrom(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range Services {
		assert.False(t, seen[s.Key], "%s is there twice", s.Key)
		seen[s.Key] = true
		assert.NotEmpty(t, s.Region, s.Key)
		assert.NotEmpty(t, s.Classes, s.Key)
		for _, u := range []Unit{s.Write, s.Read} {
			assert.Positive(t, u.USD, s.Key)
			assert.Zero(t, u.Per%1_000, s.Key)
			assert.Positive(t, u.Per, s.Key)
		}
		source, err := url.Parse(s.Source)
		require.NoError(t, err)
		assert.Equal(t, "https", source.Scheme)
		_, err = time.Parse(time.DateOnly, s.Checked)
		assert.NoError(t, err)
		found, ok := Find(s.Key)
		assert.True(t, ok)
		assert.Equal(t, s, found)
	}
	_, ok := Find("etcd")
	assert.False(t, ok, "a server of one's own has no price for a request")
}
