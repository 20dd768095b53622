package deploy

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/stretchr/testify/require"
)

// Compose takes the file, with the library that Docker uses. Each node waits for the table, and has time to drain before SIGKILL.
func TestCompose(t *testing.T) {
	t.Parallel()
	options, err := cli.NewProjectOptions([]string{filepath.Join("compose", "compose.yaml")}, cli.WithName("leader"))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	nodes := 0
	for name, service := range project.Services {
		if !strings.HasPrefix(name, "node-") {
			continue
		}
		nodes++
		require.Equal(t, "service_completed_successfully", service.DependsOn["table"].Condition, name)
		drain, err := time.ParseDuration(*service.Environment["LEADER_DRAIN_TIMEOUT"])
		require.NoError(t, err)
		require.NotNil(t, service.StopGracePeriod, name)
		require.Greater(t, time.Duration(*service.StopGracePeriod), drain, name)
		require.Equal(t, project.Services["table"].Environment["LEADER_STORE"], service.Environment["LEADER_STORE"], name)
		program := service.Command[len(service.Command)-1]
		require.Contains(t, program, "$LEADER_TOKEN", "%s: the shell reads it in the container, Compose leaves it alone", name)
	}
	require.Equal(t, 3, nodes)
}
