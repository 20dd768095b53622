package emulators

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// composeFile defines the same emulators as containers. It says itself how to use it without this program.
//
//go:embed compose.yaml
var composeFile []byte

// findDocker returns nil if a Docker engine runs and docker compose is there.
func findDocker(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, args := range [][]string{{"docker", "info"}, {"docker", "compose", "version"}} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			return fmt.Errorf("docker cannot be used: %s: %w: %s", strings.Join(args, " "), err, lines[len(lines)-1])
		}
	}
	return nil
}

// compose returns a docker compose command for the set's containers. They are no child processes of it: they belong to a
// project, whose name is made from the set's directory.
func compose(set string, p Ports, args ...string) (command, error) {
	file := filepath.Join(set, "compose.yaml")
	if err := os.WriteFile(file, composeFile, 0o600); err != nil {
		return command{}, err
	}
	project := fmt.Sprintf("leader-%x", sha256.Sum256([]byte(set)))[:20] // an engine may have other users' containers, too
	c := command{args: append([]string{"docker", "compose", "-p", project, "-f", file}, args...)}
	for _, s := range services {
		c.env = append(c.env, fmt.Sprintf("%s=%d", portVariable(s), *s.port(&p)))
	}
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "DOCKER_") || strings.HasPrefix(variable, "HOME=") { // which engine, and how to reach it
			c.env = append(c.env, variable)
		}
	}
	return c, nil
}

// portVariable returns the name that compose.yaml has for the port of a service.
func portVariable(s service) string {
	return strings.ToUpper(strings.ReplaceAll(s.name, "-", "_")) + "_PORT"
}

// removeContainers ends and removes all containers of the set.
func removeContainers(set string, p Ports) error {
	c, err := compose(set, p, "down", "--volumes", "--timeout", "3")
	if err != nil {
		return err
	}
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker compose down: %w: %s", err, out)
	}
	return nil
}
