package experiment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

const serverVariable = "LEADER_POSTGRES_URL"

// startPostgres returns the address of a PostgreSQL server: the one that the environment names, or one that it starts, which the
// repository's localstack installs into the user's cache directory at the first time. stop stops it. It ends with this process, too,
// however that ends: its standard input is this process's.
func startPostgres(ctx context.Context) (address string, stop func(), err error) {
	if address := os.Getenv(serverVariable); address != "" {
		return address, func() {}, nil
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cloudlease/leader").Output()
	if err != nil {
		return "", nil, fmt.Errorf("run this in the repository, where localstack starts PostgreSQL, or set %s: %w", serverVariable, err)
	}
	server := exec.CommandContext(ctx, "go", "-C", strings.TrimSpace(string(root)), "run", "./localstack", "run", "-only", "postgres", "--",
		"sh", "-c", `echo "$`+serverVariable+`"; exec cat`)
	server.Stderr = os.Stderr
	stdin, errIn := server.StdinPipe()
	stdout, errOut := server.StdoutPipe()
	if err := errors.Join(errIn, errOut, server.Start()); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = stdin.Close()
		_, _ = io.Copy(io.Discard, stdout)
		_ = server.Wait()
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, errors.New("localstack could not start it, and says why above")
	}
	return strings.TrimSpace(line), stop, nil
}
