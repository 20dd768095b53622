package emulators

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// No test starts the containers themselves: that needs an engine, and images.

func TestComposeFile(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Environment map[string]string
			Ports       []string
		}
	}
	require.NoError(t, yaml.Unmarshal(composeFile, &file))
	assert.Len(t, file.Services, len(services))
	for _, s := range services {
		container := file.Services[s.name]
		assert.Regexp(t, regexp.MustCompile(`^[\w./-]+:\d+\.\d+(\.\d+)?$`), container.Image, "a release, not latest")
		require.Len(t, container.Ports, 1)
		variable := "${" + portVariable(s) + ":-"
		assert.True(t, strings.HasPrefix(container.Ports[0], "127.0.0.1:"+variable), "only this machine, on our port: %s", container.Ports[0])
	}
	assert.Equal(t, "dynamodb,s3", file.Services["localstack"].Environment["SERVICES"])
}

func TestComposeCommand(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///elsewhere.sock")
	one, two := t.TempDir(), t.TempDir()
	c, err := compose(one, Ports{LocalStack: 1, GCS: 2, Azurite: 3}, "up")
	require.NoError(t, err)
	assert.Equal(t, []string{"docker", "compose", "-p"}, c.args[:3])
	assert.Regexp(t, `^leader-[0-9a-f]{13}$`, c.args[3])
	assert.Equal(t, []string{"-f", filepath.Join(one, "compose.yaml"), "up"}, c.args[4:])
	assert.Subset(t, c.env, []string{"LOCALSTACK_PORT=1", "FAKE_GCS_SERVER_PORT=2", "AZURITE_PORT=3", "DOCKER_HOST=unix:///elsewhere.sock"})
	written, err := os.ReadFile(filepath.Join(one, "compose.yaml"))
	require.NoError(t, err)
	assert.Equal(t, composeFile, written)

	other, err := compose(two, Ports{}, "up")
	require.NoError(t, err)
	assert.NotEqual(t, c.args[3], other.args[3], "each set has its own containers")
}

func TestNoDocker(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := findDocker(t.Context())
	require.ErrorContains(t, err, "docker cannot be used: docker info: ")

	t.Setenv("LEADER_PYTHON", "no-python")
	_, err = Starter{Root: t.TempDir()}.installation(t.Context())
	require.ErrorContains(t, err, "no-python will not do")
	require.ErrorContains(t, err, "docker cannot be used")
	_, err = Starter{Root: t.TempDir(), Config: Config{Docker: true}}.installation(t.Context())
	require.ErrorContains(t, err, "docker cannot be used")
}
