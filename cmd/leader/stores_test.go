package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
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

// A store that cannot be opened now is not a wrong URL: the command may be started again.
func TestAStoreThatCannotBeOpenedNow(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{{"list"}, {"init"}, {"run", "--", "true"}} {
		for host, want := range map[string]int{"nowhere.invalid": exitFailed, "192.0.2.1": exitUsage} { // the latter is no host that may supply credentials
			cmd := commandtest.Command(t, append([]string{args[0], "--store", "s3://leases?region=eu-west-1"}, args[1:]...)...)
			cmd.Env = append(cmd.Env, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://"+host+"/", "AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none,
				"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_PROFILE=", "AWS_WEB_IDENTITY_TOKEN_FILE=")
			commandtest.End(t, cmd).Want(t, want, "the AWS configuration cannot be read")
		}
	}
}
