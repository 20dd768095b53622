//go:build unix

package guard

import (
	"testing"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

func TestMain(m *testing.M) { commandtest.Main(m) }

// A site is where the nodes of a test are.
type site struct{ commandtest.Site }

func newSite(t *testing.T) site { return site{commandtest.NewSite(t)} }
