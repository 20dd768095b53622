package deploy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// parsed returns a file of Kubernetes.
func parsed[T any](t *testing.T, file string) (object T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("kubernetes", file))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &object))
	return object
}

// The leader and its standby go to different machines, also in a cluster with one zone: a pod that has constraints does not get the default ones.
func TestPodsAreSpread(t *testing.T) {
	t.Parallel()
	type labels struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	d := parsed[struct {
		Spec struct {
			Selector labels
			Template struct {
				Spec struct {
					Constraints []struct {
						Key      string `yaml:"topologyKey"`
						Selector labels `yaml:"labelSelector"`
					} `yaml:"topologySpreadConstraints"`
				}
			}
		}
	}](t, "deployment.yaml")
	var keys []string
	for _, c := range d.Spec.Template.Spec.Constraints {
		keys = append(keys, c.Key)
		require.Equal(t, d.Spec.Selector, c.Selector, c.Key)
	}
	require.NotEmpty(t, d.Spec.Selector.MatchLabels)
	require.ElementsMatch(t, []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"}, keys)
}

// While the store is down no pod is ready: that keeps no machine from being drained.
func TestAnOutageBlocksNoDrain(t *testing.T) {
	t.Parallel()
	b := parsed[struct {
		Spec struct {
			Unhealthy string `yaml:"unhealthyPodEvictionPolicy"`
		}
	}](t, "disruptionbudget.yaml")
	require.Equal(t, "AlwaysAllow", b.Spec.Unhealthy)
}
