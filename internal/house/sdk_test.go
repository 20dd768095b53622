package house

import (
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
