package install

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// mavenVariable is the base URL of a Maven repository to download from. Where it is set, mvn is not used.
const mavenVariable = "LEADER_MAVEN_URL"

var mavenCentral = "https://repo1.maven.org/maven2" // tests have one of their own

// A jar is a file of a Maven repository.
type jar struct {
	path string // in the repository, with slashes
	sum  string // SHA-256, hexadecimal
}

// jars reads a list in the format of sha256sum.
func jars(list []byte) ([]jar, error) {
	var all []jar
	for line := range strings.Lines(string(list)) {
		sum, path, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || len(sum) != 2*sha256.Size || !fs.ValidPath(path) {
			return nil, fmt.Errorf("%q is not a checksum, two spaces and a path", line)
		}
		all = append(all, jar{path, sum})
	}
	return all, nil
}

// agent is the prefix of a jar that is not DynamoDB Local's: LocalStack wants a Java agent, and any harmless one will do.
const agent = "byte-buddy-agent-"

// installDynamoDB lays DynamoDB Local out as LocalStack's own installer would: its classes and native libraries in one
// directory, and beside it a jar that names them.
func installDynamoDB(ctx context.Context, dir string, out io.Writer) error {
	list, err := jars(pin("jars.sha256"))
	if err != nil {
		return err
	}
	repository := filepath.Join(dir, "maven")
	if err := fetchJars(ctx, list, repository, out); err != nil {
		return err
	}
	target := filepath.Join(Installation(dir).DynamoDBLocal(), "2")
	lib := filepath.Join(target, "DynamoDBLocal_lib")
	if err := os.MkdirAll(lib, 0o700); err != nil {
		return err
	}
	var classes []string
	for _, j := range list {
		name := path.Base(j.path)
		to := filepath.Join(lib, name)
		switch {
		case strings.HasPrefix(name, agent):
			to = filepath.Join(target, "ddb-local-loader-0.1.jar")
		case path.Ext(name) == ".jar":
			classes = append(classes, "DynamoDBLocal_lib/"+name)
		}
		if err := os.Rename(filepath.Join(repository, filepath.FromSlash(j.path)), to); err != nil {
			return err
		}
	}
	content, err := launcher("software.amazon.dynamodb.services.local.main.ServerRunner", classes)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(target, "DynamoDBLocal.jar"), content, 0o600),
		os.RemoveAll(repository),
	)
}

// fetchJars brings the files of the list to a directory in the layout of a repository, and verifies all of them. What fails
// in one way is tried in the next: each knows mirrors, proxies and certificates that the others may not. Where the user names
// a repository, that is the only way.
func fetchJars(ctx context.Context, list []jar, repository string, out io.Writer) error {
	var tried []error
	for _, w := range waysToMaven(list, repository, out) {
		err := w.bring(ctx)
		if err == nil {
			err = verifyAll(list, repository)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		err = fmt.Errorf("%s: %w", w.name, err)
		fmt.Fprintln(out, err)
		tried = append(tried, err)
		if err := os.RemoveAll(repository); err != nil { // half of it may be there
			return err
		}
	}
	return fmt.Errorf("no way to the files of Maven Central worked: tell mvn (settings.xml) or this program (HTTPS_PROXY, SSL_CERT_FILE) "+
		"your proxy and its certificate, or name a mirror: %s=%s: %w", mavenVariable, mavenCentral, errors.Join(tried...))
}

// A way brings all files.
type way struct {
	name  string
	bring func(ctx context.Context) error
}

func waysToMaven(list []jar, repository string, out io.Writer) []way {
	https := func(base string) way {
		from := download{base: strings.TrimSuffix(base, "/"), pause: 2 * time.Second}
		return way{"HTTPS from " + redactUser(base), func(ctx context.Context) error {
			return inParallel(list, func(j jar) error { return from.fetch(ctx, j, repository) })
		}}
	}
	if base := os.Getenv(mavenVariable); base != "" {
		return []way{https(base)}
	}
	mvn := func(name string, env ...string) way {
		return way{name, func(ctx context.Context) error { return runMaven(ctx, repository, out, env) }}
	}
	var ways []way
	if _, err := exec.LookPath("mvn"); err == nil {
		ways = append(ways, mvn("mvn as it is set up"))
		if os.Getenv("JAVA_HOME") != "" { // of another program's Java, perhaps
			ways = append(ways, mvn("mvn without JAVA_HOME", "JAVA_HOME="))
		}
		// The wheel's Java is for machines with mvn and no Java. It does not know certificates that were added to the machine's own.
		ways = append(ways, mvn("mvn with the Java of PyPI", "JAVA_HOME="+Installation(filepath.Dir(repository)).Java()))
	}
	return append(ways, https(mavenCentral))
}

// redactUser shows a URL without what may be a password.
func redactUser(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return mavenVariable
	}
	return u.Scheme + "://" + u.Host + u.Path
}

func runMaven(ctx context.Context, repository string, out io.Writer, env []string) error {
	dir := filepath.Dir(repository)
	pom := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(pom, pin("pom.xml"), 0o600); err != nil {
		return err
	}
	cmd := command(ctx, dir, out, "mvn", "-B", "-q", "-f", pom, mavenPlugin,
		"-DincludeScope=runtime", "-Dmdep.useRepositoryLayout=true", "-DoutputDirectory="+repository)
	cmd.Env = append(cmd.Env, env...)
	return run(cmd)
}

func verifyAll(list []jar, repository string) error {
	return inParallel(list, func(j jar) error {
		content, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(j.path)))
		if err != nil {
			return err
		}
		return verify(content, j.sum, j.path)
	})
}

func verify(content []byte, want, what string) error {
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
		return fmt.Errorf("%s has the SHA-256 %x, and %s is expected", what, sum, want)
	}
	return nil
}

// inParallel calls f for all, a few at a time, and returns the first error that it met.
func inParallel(list []jar, f func(jar) error) error {
	var (
		work   = make(chan jar)
		failed = make(chan error, 1)
		group  sync.WaitGroup
	)
	for range 8 {
		group.Go(func() {
			for j := range work {
				if err := f(j); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for _, j := range list {
		if len(failed) > 0 {
			break
		}
		work <- j
	}
	close(work)
	group.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// download is from a repository on the web.
type download struct {
	base  string        // its URL
	pause time.Duration // before a failure that may pass is tried again
}

func (d download) fetch(ctx context.Context, j jar, repository string) error {
	const tries = 3
	url, to := d.base+"/"+j.path, filepath.Join(repository, filepath.FromSlash(j.path))
	for try := 1; ; try++ {
		content, passes, err := get(ctx, url)
		if err == nil {
			err, passes = verify(content, j.sum, url), true // a proxy's page, say, or half of the file
		}
		if err == nil {
			return cmp.Or(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, content, 0o600))
		}
		if !passes || try == tries {
			return err
		}
		select {
		case <-time.After(d.pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// get reads what is behind a URL; passes is whether the error may pass.
func get(ctx context.Context, url string) (content []byte, passes bool, err error) {
	const patience = 2 * time.Minute // for some 20 MB, the largest
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, false, fmt.Errorf("download: %w", err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, true, fmt.Errorf("download: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, answer.StatusCode >= 500 || answer.StatusCode == 429, fmt.Errorf("download %s: %s", url, answer.Status)
	}
	content, err = io.ReadAll(answer.Body)
	if err != nil {
		return nil, true, fmt.Errorf("download %s: %w", url, err)
	}
	return content, false, nil
}

// launcher makes a jar of a manifest only: https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html#jar-manifest
func launcher(main string, classPath []string) ([]byte, error) {
	const most = 72 // bytes in a line; one that begins with a space continues the one before
	var manifest, content bytes.Buffer
	for _, line := range []string{"Manifest-Version: 1.0", "Main-Class: " + main, "Class-Path: " + strings.Join(classPath, " ")} {
		for ; len(line) > most; line = " " + line[most:] {
			manifest.WriteString(line[:most] + "\r\n")
		}
		manifest.WriteString(line + "\r\n")
	}
	archive := zip.NewWriter(&content)
	file, err := archive.Create("META-INF/MANIFEST.MF")
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(manifest.Bytes()); err != nil {
		return nil, err
	}
	err = archive.Close() // before the content is looked at
	return content.Bytes(), err
}
