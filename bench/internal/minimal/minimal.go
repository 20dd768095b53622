// Package minimal builds the small programs in the folders below it: a leader on each store, as a user would write it, and
// below bare, programs that send the same requests with the SDK alone.
//
// It builds them as files of the library's own module. So they have the dependencies that the library's users get, not those
// of the benchmarks.
package minimal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Program is a small program with a leader.
type Program struct {
	Name string // also its folder
	Bare string // the folder of the program to compare it with
}

// Programs are all of them.
var Programs = []Program{
	{"dynamodb", "bare/dynamodb"}, {"s3", "bare/s3"}, {"gcs", "bare/gcs"}, {"azblob", "bare/azblob"},
	{"file", "bare/nothing"}, {"memory", "bare/nothing"},
}

// A Module is the library's module on this machine.
type Module struct {
	Dir string
	env []string
}

// Find finds the library from the working directory, which has to be in the benchmarks' module. env is added to the environment
// of the commands.
func Find(ctx context.Context, env ...string) (Module, error) {
	const path = "github.com/cloudlease/leader"
	m := Module{env: env}
	out, err := m.run(ctx, "go", "list", "-m", "-f", "{{.Dir}}", path)
	if err != nil {
		return Module{}, fmt.Errorf("%w: run it in the directory bench", err)
	}
	m.Dir = strings.TrimSpace(out)
	return m, nil
}

func (m Module) source(folder string) string {
	return filepath.Join("bench", "internal", "minimal", filepath.FromSlash(folder), "main.go")
}

// Build builds the program in the folder, with more flags of go build.
func (m Module) Build(ctx context.Context, folder, to string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", to}, flags...)
	_, err := m.run(ctx, "go", append(args, m.source(folder))...)
	return err
}

// Packages returns the packages that are compiled for the program in the folder: those of the standard library, and all
// others.
func (m Module) Packages(ctx context.Context, folder string) (standard, others []string, err error) {
	out, err := m.run(ctx, "go", "list", "-deps", "-f", "{{.Standard}} {{.ImportPath}}", m.source(folder))
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(out) {
		switch kind, path, _ := strings.Cut(strings.TrimSpace(line), " "); {
		case kind == "true":
			standard = append(standard, path)
		case path != "command-line-arguments": // the program itself
			others = append(others, path)
		}
	}
	return standard, others, nil
}

// Modules returns the modules in a built program, including the library's own.
func (m Module) Modules(ctx context.Context, binary string) ([]string, error) {
	out, err := m.run(ctx, "go", "version", "-m", binary)
	if err != nil {
		return nil, err
	}
	var modules []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 1 && (fields[0] == "dep" || fields[0] == "mod") {
			modules = append(modules, fields[1])
		}
	}
	return modules, nil
}

func (m Module) run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = m.Dir, append(os.Environ(), m.env...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return string(out), nil
}
