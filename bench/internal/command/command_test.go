package command

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Real processes on a directory, one kill: the guard gives the lease back, and the next program runs before the lease is over.
func TestMeasure(t *testing.T) {
	r, err := Measure(t.Context(), Options{Kills: 1, Root: filepath.Join("..", "..", ".."), open: func(dir string) []place {
		return []place{{"a directory", "file:" + filepath.Join(dir, "leases")}}
	}})
	require.NoError(t, err)
	require.Len(t, r.Stores, 1)
	require.Len(t, r.Stores[0].Took, 1)
	assert.Less(t, r.Stores[0].Took[0], r.Length)
}

func TestSection(t *testing.T) {
	s, err := Result{Length: 15, AcquireEvery: 5, Stores: []Store{
		{Name: "S3", Took: []float64{4, 1, 2.5}}, {Name: "nothing"},
	}}.Section()
	require.NoError(t, err)
	assert.Contains(t, s.Text, "| leader run on S3 | 3 | 2.50 | 4.00 | 0.8 | 0.267 |")
	assert.NotContains(t, s.Text, "nothing")
	assert.Contains(t, s.Key, "within 0.8 acquire intervals")
}
