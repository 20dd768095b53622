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

// probe exits with the reason why this Python will not do. LocalStack 4.9.2 uses datetime.UTC, which 3.11 brought, whatever
// its package says.
const probe = `
import sys
if sys.version_info < (3, 11): sys.exit("it is Python %d.%d, and 3.11 or later is needed" % sys.version_info[:2])
try: import venv, ensurepip
except ImportError: sys.exit("it has no venv: on Debian and Ubuntu, apt install python3-venv")
`

// Python finds a Python that will do. Its error says what is wrong with each that it found, and what to do.
func Python(ctx context.Context) (string, error) {
	candidates := []string{"python3", "python", "python3.13", "python3.12", "python3.11"}
	if named := os.Getenv(pythonVariable); named != "" {
		candidates = []string{named}
	}
	var refused []error
	for _, name := range candidates {
		path, err := exec.LookPath(name)
		if errors.Is(err, exec.ErrNotFound) && len(candidates) > 1 {
			continue
		}
		if err == nil {
			err = try(ctx, path)
		}
		if err == nil {
			return path, nil
		}
		refused = append(refused, fmt.Errorf("%s will not do: %w", name, err))
	}
	why := cmp.Or(errors.Join(refused...), errors.New("there is none on the PATH"))
	return "", fmt.Errorf("the emulators need Python 3.11 or later, with venv: %w: install one, or name it with %s, or use "+
		"Docker (--docker)", why, pythonVariable)
}

func try(ctx context.Context, python string) error {
	out, err := exec.CommandContext(ctx, python, "-I", "-c", probe).CombinedOutput()
	if reason := strings.TrimSpace(string(out)); err != nil && reason != "" {
		return errors.New(reason)
	}
	return err
}
