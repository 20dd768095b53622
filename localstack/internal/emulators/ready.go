package emulators

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// patience is how long an emulator may take to answer after its start, on a machine that is busy with other things.
const patience = 3 * time.Minute

// probe sends one request to a service. It returns nil if the answer shows that the service works.
type probe func(ctx context.Context) error

// LocalStack's own health page says "running" before its engines do, so each service is asked to list what it has. LocalStack
// does not verify the signature, but recognises the service by it.

func askDynamoDB(base string) probe {
	return ask("POST", base+"/", "{}", `"TableNames"`, map[string]string{
		"X-Amz-Target":  "DynamoDB_20120810.ListTables",
		"Content-Type":  "application/x-amz-json-1.0",
		"Authorization": signed("dynamodb"),
	})
}

func askS3(base string) probe {
	return ask("GET", base+"/", "", "ListAllMyBucketsResult", map[string]string{"Authorization": signed("s3")})
}

func signed(service string) string {
	return "AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=0"
}

func askGCS(base string) probe {
	return ask("GET", base+"/storage/v1/b?project=test", "", "storage#buckets", nil)
}

// askAzurite lists a container that does not exist, which needs no key. Only the blob service itself can answer that with an
// error.
func askAzurite(account string) probe {
	return ask("GET", account+"/no-container?restype=container&comp=list", "", "<Error>", nil)
}

// askPostgres logs in, which the server refuses until it is ready.
// https://www.postgresql.org/docs/17/protocol-message-formats.html: StartupMessage, and the first byte of the answer
func askPostgres(address string) probe {
	const settings = "user\x00postgres\x00database\x00postgres\x00\x00"
	login := binary.BigEndian.AppendUint32(nil, uint32(8+len(settings)))
	login = append(binary.BigEndian.AppendUint32(login, 3<<16), settings...)
	return greet(address, login, func(answer string) bool { return strings.HasPrefix(answer, "R") })
}

// askMariaDB reads the greeting: https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection
func askMariaDB(address string) probe {
	return greet(address, nil, func(answer string) bool { return strings.Contains(answer, "MariaDB") })
}

// greet returns a probe that connects, sends something, and looks at what comes first.
func greet(address string, send []byte, good func(answer string) bool) probe {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		if _, err := conn.Write(send); err != nil {
			return err
		}
		answer := make([]byte, 200)
		n, err := conn.Read(answer)
		if err != nil {
			return err
		}
		if !good(string(answer[:n])) {
			return fmt.Errorf("%s says %q", address, answer[:n])
		}
		return nil
	}
}

// ask returns a probe that sends a request, and wants a certain text in the answer.
func ask(method, url, body, want string, header map[string]string) probe {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			return err
		}
		for name, value := range header {
			req.Header.Set(name, value)
		}
		answer, err := direct.Do(req)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		content, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		if err == nil && !strings.Contains(string(content), want) {
			err = fmt.Errorf("%s %s: %s: %.200s", method, url, answer.Status, content)
		}
		return err
	}
}

// Check probes all services once, and returns an error for each that does not answer.
func (p Ports) Check(ctx context.Context) error {
	var errs []error
	for _, s := range services {
		if err := s.ask(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("%s does not answer as it should: stop the emulators and start them again: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

// direct uses no proxy, and keeps no connection open.
var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
