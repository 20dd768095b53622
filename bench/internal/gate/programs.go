package gate

import (
	"context"
	"os"
	"path/filepath"

	"github.com/cloudlease/leader/bench/internal/minimal"
)

// packages counts the packages of Linux programs, wherever this runs: the numbers differ by system.
func packages(ctx context.Context) (map[string]int64, error) {
	m, err := minimal.Find(ctx, "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, p := range minimal.Programs {
		_, others, err := m.Packages(ctx, p.Name)
		if err != nil {
			return nil, err
		}
		counts[p.Name] = int64(len(others))
	}
	return counts, nil
}

// sizes returns the sizes of programs without debug information, whose size would depend on where the sources are. The build
// cache serves these builds like any other.
func sizes(ctx context.Context) (map[string]int64, error) {
	m, err := minimal.Find(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "leader-gate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	counts := map[string]int64{}
	for _, p := range minimal.Programs {
		binary := filepath.Join(dir, p.Name)
		if err := m.Build(ctx, p.Name, binary, "-ldflags=-s -w"); err != nil {
			return nil, err
		}
		info, err := os.Stat(binary)
		if err != nil {
			return nil, err
		}
		counts[p.Name] = info.Size()
	}
	return counts, nil
}
