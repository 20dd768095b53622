package byurl

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// An import of this package opens an account that only an identity opens.
func TestOpen(t *testing.T) { // not parallel: the environment decides
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "")
	m, err := lease.Open(t.Context(), "azblob://orders1/leases/folder")
	require.NoError(t, err)
	require.Equal(t, "azblob://orders1/leases/folder", lease.PlaceOf(m))
	require.NoError(t, lease.Close(m))
}
