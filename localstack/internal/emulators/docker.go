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

// composeFile has the same emulators as containers. It says itself how to use it without this program.
//
//go:embed compose.yaml
var composeFile []byte

// findDocker is nil if there is a Docker engine at work and docker compose.
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

// compose is a docker compose command for the set's containers. Containers are no children of it: they have a project
// named after the set, by which they are found.
func compose(set string, p Ports, args ...string) (command, error) {
	file := filepath.Join(set, "compose.yaml")
	if err := os.WriteFile(file, composeFile, 0o600); err != nil {
		return command{}, err
	}
	project := fmt.Sprintf("leader-%x", sha256.Sum256([]byte(set)))[:20] // other users' may be on the same engine
	c := command{args: append([]string{"docker", "compose", "-p", project, "-f", file}, args...)}
	for _, s := range services {
		c.env = append(c.env, fmt.Sprintf("%s=%d", portVariable(s), *s.port(&p)))
	}
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "DOCKER_") || strings.HasPrefix(variable, "HOME=") { // which engine, and how
			c.env = append(c.env, variable)
		}
	}
	return c, nil
}

// portVariable is what compose.yaml calls the port of a service.
func portVariable(s service) string {
	return strings.ToUpper(strings.ReplaceAll(s.name, "-", "_")) + "_PORT"
}

// removeContainers ends all containers of the set.
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
