package minimal

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program to compare with contains nothing of the library. The program itself contains the store that it is named after,
// and no other service's SDK.
func TestPrograms(t *testing.T) {
	const library = "github.com/cloudlease/leader"
	sdks := map[string]string{
		"dynamodb": "github.com/aws/aws-sdk-go-v2/service/dynamodb", "s3": "github.com/aws/aws-sdk-go-v2/service/s3",
		"gcs": "cloud.google.com/go/storage", "azblob": "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob",
	}
	m, err := Find(t.Context())
	require.NoError(t, err)
	for _, p := range Programs {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			_, ours, err := m.Packages(t.Context(), p.Name)
			require.NoError(t, err)
			require.Contains(t, ours, library)
			require.Contains(t, ours, library+"/lease/"+p.Name)
			standard, bare, err := m.Packages(t.Context(), p.Bare)
			require.NoError(t, err)
			require.Contains(t, standard, "fmt")
			require.False(t, slices.ContainsFunc(bare, func(s string) bool { return strings.HasPrefix(s, library) }), bare)
			for name, sdk := range sdks {
				has := slices.ContainsFunc(ours, func(s string) bool { return s == sdk || strings.HasPrefix(s, sdk+"/") })
				require.Equal(t, name == p.Name, has, sdk)
				if name == p.Name {
					require.True(t, slices.ContainsFunc(bare, func(s string) bool { return strings.HasPrefix(s, sdk) }), sdk)
				}
			}
		})
	}
}

func TestAnErrorSaysWhatWasRun(t *testing.T) {
	m, err := Find(t.Context())
	require.NoError(t, err)
	_, _, err = m.Packages(t.Context(), "ftp")
	require.ErrorContains(t, err, "go list")
	require.ErrorContains(t, err, "ftp")
}
