package service

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"syscall"

	"github.com/cloudlease/leader/internal/wire"
)

// startRedis starts the system's redis-server, which keeps nothing on disk.
func startRedis(ctx context.Context, p *part) error {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("%w: there is no redis-server: install it: apt-get install redis-server, or brew install redis", errMissing)
	}
	at, err := freeAddress()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(at)
	server := exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--dir", p.dir, "--save", "", "--appendonly", "no")
	if err := p.run(server, syscall.SIGTERM); err != nil {
		return err
	}
	conn, err := dial(ctx, at)
	if err != nil {
		return fmt.Errorf("redis-server does not answer: %w", err)
	}
	// https://redis.io/docs/latest/commands/monitor/: the server prints each command as it processes it.
	lines := bufio.NewScanner(conn)
	if _, err := io.WriteString(conn, "INFO server\r\nMONITOR\r\n"); err != nil {
		return fmt.Errorf("have redis-server tell of its commands: %w", err)
	}
	for lines.Scan() && lines.Text() != "+OK" {
		if version, ok := strings.CutPrefix(lines.Text(), "redis_version:"); ok {
			p.version = version
		}
	}
	if lines.Text() != "+OK" {
		return fmt.Errorf("have redis-server tell of its commands: it says %q: %w", lines.Text(), cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
			if kind, name, ok := redisCommand(lines.Text()); ok {
				p.note(kind, name)
			}
		}
	}()
	p.stops = append(p.stops, func() {
		_ = conn.Close()
		<-ended
	})
	p.endpoint = at
	return nil
}

// monitored matches a line of MONITOR: +1339518083.107412 [0 127.0.0.1:60866] "get" "x". Commands of a script come from lua.
var monitored = regexp.MustCompile(`^\+[0-9.]+ \[[0-9]+ ([^\]]*)\] "([^"]*)"`)

// redisCommand parses such a line; ok is false for any other, and for a script's commands.
func redisCommand(line string) (kind wire.Kind, name string, ok bool) {
	m := monitored.FindStringSubmatch(line)
	if m == nil || m[1] == "lua" {
		return "", "", false
	}
	switch name = strings.ToLower(m[2]); name {
	case "get", "mget", "exists", "ttl", "pttl":
		return wire.Read, name, true
	case "set", "setnx", "del", "expire", "pexpire", "eval", "evalsha":
		return wire.Write, name, true
	}
	return wire.Other, name, true
}
