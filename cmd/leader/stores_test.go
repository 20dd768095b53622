package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each tag leaves its store out of the command, with the SDK that makes it large.
func TestTagsLeaveStoresOut(t *testing.T) {
	t.Parallel()
	sdks := map[string]string{
		"no_azblob":   "github.com/Azure/azure-sdk-for-go/sdk/azcore",
		"no_dynamodb": "github.com/aws/aws-sdk-go-v2/service/dynamodb",
		"no_gs":       "cloud.google.com/go/storage",
		"no_s3":       "github.com/aws/aws-sdk-go-v2/service/s3",
	}
	for tag, sdk := range sdks {
		out, err := exec.Command("go", "list", "-deps", "-tags", tag, ".").Output()
		require.NoError(t, err)
		packages := strings.Fields(string(out))
		for other, with := range sdks {
			if other == tag {
				require.NotContains(t, packages, sdk)
			} else {
				require.Contains(t, packages, with, "with -tags %s", tag)
			}
		}
	}
}
