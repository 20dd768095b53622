package service

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/cloudlease/leader/internal/wire"
)

// startPostgres makes a database in the service's folder, and starts the system's PostgreSQL on it. Root may not do that, so
// for root it uses the user postgres.
func startPostgres(ctx context.Context, p *part) error {
	initdb, err := postgresProgram("initdb")
	if err != nil {
		return err
	}
	server, err := postgresProgram("postgres")
	if err != nil {
		return err
	}
	at, err := freeAddress()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(at)
	data := filepath.Join(p.dir, "data")
	create := exec.CommandContext(ctx, initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if err := p.asServer(create); err != nil {
		return err
	}
	if said, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", initdb, err, said)
	}
	// Each candidate has a connection. Statements are counted from the server's log.
	run := exec.Command(server, "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", "-c", "max_connections=1000", "-c", "log_statement=all")
	if err := p.asServer(run); err != nil {
		return err
	}
	reader, writer := io.Pipe()
	run.Stderr = writer
	if err := p.run(run, syscall.SIGINT); err != nil { // a fast shutdown: clients are disconnected
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.statements(reader)
	}()
	p.stops = slices.Insert(p.stops, 0, func() { // once the server has ended
		_ = writer.Close()
		<-ended
	})
	p.endpoint = "postgres://postgres@" + at + "/postgres?sslmode=disable"
	err = eventually(ctx, func() error {
		conn, err := pgx.Connect(ctx, p.endpoint)
		if err != nil {
			return err
		}
		p.version = conn.PgConn().ParameterStatus("server_version")
		return conn.Close(ctx)
	})
	if err != nil {
		return fmt.Errorf("PostgreSQL does not answer: %w", err)
	}
	return nil
}

// postgresProgram finds a program of the system's PostgreSQL. Debian does not put them in PATH.
func postgresProgram(name string) (string, error) {
	if found, err := exec.LookPath(name); err == nil {
		return filepath.EvalSymlinks(found) // it looks for the others beside itself
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return "", fmt.Errorf("%w: there is no %s: install PostgreSQL: apt-get install postgresql, or brew install postgresql", errMissing, name)
	}
	return slices.Max(found), nil
}

// statements counts the statements in the server's log, until the log ends.
func (p *part) statements(log io.Reader) {
	for lines := bufio.NewReader(log); ; {
		line, err := lines.ReadString('\n')
		if kind, name, ok := postgresStatement(line); ok {
			p.note(kind, name)
		}
		if err != nil {
			return
		}
	}
}

var (
	// logged matches a line of log_statement: LOG:  statement: select 1, or LOG:  execute stmt_1: select $1.
	logged   = regexp.MustCompile(`LOG:  (?:statement|execute [^:]*): (.*)`)
	function = regexp.MustCompile(`\bpg_\w+`)
)

// postgresStatement parses such a line; ok is false for any other.
func postgresStatement(line string) (kind wire.Kind, name string, ok bool) {
	m := logged.FindStringSubmatch(line)
	if m == nil {
		return "", "", false
	}
	statement := strings.ToLower(strings.TrimSpace(m[1]))
	if name = function.FindString(statement); name == "" {
		name, _, _ = strings.Cut(strings.TrimPrefix(statement, "-- "), " ") // pgx pings with the comment "-- ping"
	}
	switch {
	case strings.Contains(name, "lock"), name == "insert", name == "update", name == "delete":
		return wire.Write, name, true
	case name == "ping", name == "select":
		return wire.Read, name, true
	}
	return wire.Other, name, true
}
