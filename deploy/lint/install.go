package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed requirements.txt
var requirements []byte

// linters is the directory of the programs that pip has installed.
type linters string

// install makes a virtual environment of its pins, unless there is one.
func install(ctx context.Context) (linters, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, "leader-linters", fmt.Sprintf("%x", sha256.Sum256(requirements))[:16])
	bin := linters(filepath.Join(home, "bin"))
	done := filepath.Join(home, "done")
	if _, err := os.Stat(done); err == nil {
		return bin, nil
	}
	fmt.Println("installing linters in", home)
	pins := filepath.Join(home, "requirements.txt")
	for _, step := range []func() error{
		func() error { return output(exec.CommandContext(ctx, "python3", "-m", "venv", "--clear", home)) },
		func() error { return os.WriteFile(pins, requirements, 0o600) },
		func() error { return bin.run(ctx, "pip", "--disable-pip-version-check", "install", "-q", "-r", pins) },
		func() error { return os.WriteFile(done, nil, 0o600) },
	} {
		if err := step(); err != nil {
			return "", fmt.Errorf("install the linters of deploy/lint/requirements.txt: %w", err)
		}
	}
	return bin, nil
}

func (l linters) run(ctx context.Context, name string, args ...string) error {
	return output(exec.CommandContext(ctx, filepath.Join(string(l), name), args...))
}

// output runs a command. Its error has what the command wrote.
func output(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if said := strings.TrimSpace(string(out)); err != nil && said != "" {
		return errors.New(filepath.Base(cmd.Path) + ": " + said)
	}
	return err
}
