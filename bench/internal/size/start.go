package size

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/cloudlease/leader/bench/internal/overhead/paired"
)

// starts runs a program to its end, each time with a name that is new in the place. It measures from just before the start to
// the first byte of output.
func starts(binary, place string) paired.Way {
	return func(ctx context.Context) (time.Duration, error) {
		cmd := exec.CommandContext(ctx, binary, place, rand.Text())
		var errors bytes.Buffer
		cmd.Stderr = &errors
		output, err := cmd.StdoutPipe()
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		_, silent := io.ReadFull(output, make([]byte, 1))
		took := time.Since(began)
		_, _ = io.Copy(io.Discard, output)
		if err := cmd.Wait(); err != nil {
			return 0, fmt.Errorf("%s: %w: %s", binary, err, errors.String())
		}
		if silent != nil {
			return 0, fmt.Errorf("%s writes nothing: %w", binary, silent)
		}
		return took, nil
	}
}
