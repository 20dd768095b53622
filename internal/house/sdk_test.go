package house

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sdks has for each store on a cloud the prefix of the SDK that it may need.
var sdks = map[string]string{
	"lease/dynamodb": "github.com/aws/",
	"lease/s3":       "github.com/aws/",
	"lease/gcs":      "cloud.google.com/go/",
	"lease/azblob":   "github.com/Azure/",
}

// A program that uses one cloud's store compiles no other cloud's SDK.
func TestAStoreBringsItsOwnSDKAlone(t *testing.T) {
	packages, err := list("linux")
	require.NoError(t, err)
	found := 0
	for _, p := range packages {
		name, ours := relative(p.ImportPath)
		own, isStore := sdks[name]
		if !ours || !isStore {
			continue
		}
		found++
		brings := false
		for _, dep := range p.Deps {
			for _, sdk := range sdks {
				if strings.HasPrefix(dep, sdk) {
					brings = brings || sdk == own
					assert.Equal(t, own, sdk, "%s compiles %s", name, dep)
				}
			}
		}
		assert.True(t, brings, "%s compiles no package of %s", name, own)
	}
	assert.Equal(t, len(sdks), found)
}

// azidentity and what it needs come only with the package that opens Azure by URL.
func TestIdentityComesByURLAlone(t *testing.T) {
	const identity, opener = "github.com/Azure/azure-sdk-for-go/sdk/azidentity", "lease/azblob/byurl"
	packages, err := list("linux")
	require.NoError(t, err)
	found := 0
	for _, p := range packages {
		name, ours := relative(p.ImportPath)
		if !ours || !slices.Contains(p.Deps, identity) {
			continue
		}
		found++
		assert.True(t, name == opener || slices.Contains(p.Deps, path.Join(module, opener)), "%s compiles azidentity, and does not open URLs", name)
	}
	assert.Greater(t, found, 2, "byurl, and those who open URLs")
}
