package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// pythonVariable names the Python to use, a path or a name on the PATH.
const pythonVariable = "LEADER_PYTHON"

// probe exits with the reason why this Python cannot be used, or prints its path. LocalStack 4.9.2 uses datetime.UTC, which
// needs Python 3.11, though its package says otherwise.
const probe = `
import sys
if sys.version_info < (3, 11): sys.exit("it is Python %d.%d, and 3.11 or later is needed" % sys.version_info[:2])
try: import venv, ensurepip
except ImportError: sys.exit("it has no venv: on Debian and Ubuntu, apt install python3-venv")
import os
print(os.path.realpath(sys.executable))
`

// Pythons returns the Pythons that can be used, each once, the best first. If there is none, the error says what is wrong
// with each Python found, and what to do.
func Pythons(ctx context.Context) ([]string, error) {
	candidates := []string{"python3", "python", "python3.13", "python3.12", "python3.11"}
	if named := os.Getenv(pythonVariable); named != "" {
		candidates = []string{named}
	}
	var found []string
	var refused []error
	known := map[string]bool{}
	for _, name := range candidates {
		path, err := exec.LookPath(name)
		if errors.Is(err, exec.ErrNotFound) && len(candidates) > 1 {
			continue
		}
		var executable string
		if err == nil {
			executable, err = try(ctx, path)
		}
		switch {
		case err != nil:
			refused = append(refused, fmt.Errorf("%s will not do: %w", name, err))
		case !known[executable]:
			known[executable] = true
			found = append(found, path)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	why := cmp.Or(errors.Join(refused...), errors.New("there is none on the PATH"))
	return nil, fmt.Errorf("the emulators need Python 3.11 or later, with venv: %w: install one, or name it with %s, or use "+
		"Docker (--docker)", why, pythonVariable)
}

// try returns the executable of a Python, which may have several names.
func try(ctx context.Context, python string) (executable string, err error) {
	out, err := exec.CommandContext(ctx, python, "-I", "-c", probe).CombinedOutput()
	said := strings.TrimSpace(string(out))
	if err != nil && said != "" {
		return "", errors.New(said)
	}
	return said, err
}
