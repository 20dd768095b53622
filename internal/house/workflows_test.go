package house

import (
	"path"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The workflow tests on three systems, each with the two newest releases of Go, and checks with the one that go.mod names. On a
// schedule, it tests with the newest dependencies.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	type matrix struct{ OS, Go []string }
	var workflow struct {
		Jobs map[string]struct {
			If       string
			RunsOn   string `yaml:"runs-on"`
			Strategy struct{ Matrix matrix }
			Steps    []struct {
				Run  string
				With map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, ".github/workflows/test.yml")), &workflow))
	both := []string{"stable", "oldstable"}
	require.Equal(t, matrix{Go: both}, workflow.Jobs["linux"].Strategy.Matrix)
	require.Equal(t, matrix{OS: []string{"macos-latest", "windows-latest"}, Go: both}, workflow.Jobs["others"].Strategy.Matrix)
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	require.NotNil(t, wanted)
	var versions, targets []string
	for _, job := range workflow.Jobs {
		for _, step := range job.Steps {
			if version := step.With["go-version"]; version != "" && version[0] != '$' && version != "stable" {
				versions = append(versions, version)
			}
			if target := regexp.MustCompile(`^make (?:-k )?(\w+)`).FindStringSubmatch(step.Run); target != nil {
				targets = append(targets, target[1])
			}
		}
	}
	require.Equal(t, wanted[1:], versions)
	require.ElementsMatch(t, []string{"check", "test", "newest"}, targets)
	require.Equal(t, "github.event_name == 'schedule'", workflow.Jobs["newest"].If, "a release of a dependency is no change's fault")
}

// Every module's dependencies are kept up, but for the library's: it asks for old ones (docs/importing.md).
func TestDependabotKnowsEveryModule(t *testing.T) {
	t.Parallel()
	var file struct {
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directories []string
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, ".github/dependabot.yml")), &file))
	var want []string
	for _, dir := range modules[1:] {
		want = append(want, path.Join("/", dir))
	}
	for _, update := range file.Updates {
		if update.Ecosystem == "gomod" {
			require.ElementsMatch(t, want, update.Directories)
			return
		}
	}
	require.Fail(t, "no update of Go modules")
}
