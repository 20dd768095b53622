package install

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// mavenVariable names the base URL of a Maven repository to download from. If it is set, mvn is not used.
const mavenVariable = "LEADER_MAVEN_URL"

var mavenCentral = "https://repo1.maven.org/maven2" // tests have another

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
func installDynamoDB(ctx context.Context, s site) error {
	list, err := jars(pin("jars.sha256"))
	if err != nil {
		return err
	}
	repository := filepath.Join(s.dir, "maven")
	if err := fetchJars(ctx, pin("pom.xml"), list, repository, s); err != nil {
		return err
	}
	target := filepath.Join(Installation(s.dir).DynamoDBLocal(), "2")
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

// fetchJars downloads the files of the list to a directory in the layout of a repository, and verifies them all. If the
// user names a repository, it uses only that.
func fetchJars(ctx context.Context, pom []byte, list []jar, repository string, s site) error {
	advice := fmt.Sprintf("tell mvn (settings.xml) or this program (HTTPS_PROXY, SSL_CERT_FILE) your proxy and its certificate, "+
		"or name a mirror of Maven Central: %s=%s", mavenVariable, mavenCentral)
	ways := waysToMaven(pom, list, repository, s)
	for n, w := range ways {
		ways[n].try = func(ctx context.Context, alive func()) error {
			if err := w.try(ctx, alive); err != nil {
				return err
			}
			return verifyAll(list, repository)
		}
	}
	return s.firstOf(ctx, repository, advice, ways...)
}

func waysToMaven(pom []byte, list []jar, repository string, s site) []way {
	https := func(base string) way {
		base = strings.TrimSuffix(base, "/")
		return way{"HTTPS from " + redactUser(base), func(ctx context.Context, alive func()) error {
			return inParallel(list, func(j jar) error { return fetch(ctx, newDownloader(alive), base, j, repository) })
		}}
	}
	if base := os.Getenv(mavenVariable); base != "" {
		return []way{https(base)}
	}
	mvn := func(name string, env ...string) way {
		return way{name, func(ctx context.Context, _ func()) error { return runMaven(ctx, pom, repository, s, env) }}
	}
	var ways []way
	if _, err := exec.LookPath("mvn"); err == nil {
		ways = append(ways, mvn("mvn as it is set up"))
		if os.Getenv("JAVA_HOME") != "" { // it may be the Java of another program
			ways = append(ways, mvn("mvn without JAVA_HOME", "JAVA_HOME="))
		}
		// The wheel's Java is for machines with mvn and no Java. It does not know certificates that were added to the machine's own.
		ways = append(ways, mvn("mvn with the Java of PyPI", "JAVA_HOME="+Installation(s.dir).Java()))
	}
	return append(ways, https(mavenCentral))
}

// redactUser returns a URL without a possible password.
func redactUser(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return mavenVariable
	}
	return u.Scheme + "://" + u.Host + u.Path
}

func runMaven(ctx context.Context, pom []byte, repository string, s site, env []string) error {
	file := filepath.Join(s.dir, "pom.xml")
	if err := os.WriteFile(file, pom, 0o600); err != nil {
		return err
	}
	cmd := s.command(ctx, "mvn", "-B", "-q", "-f", file, mavenPlugin,
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

// inParallel calls f for all jars, a few at a time, and returns the first error.
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

// fetch downloads a file of the repository at base on the web.
func fetch(ctx context.Context, d downloader, base string, j jar, repository string) error {
	url, to := base+"/"+j.path, filepath.Join(repository, filepath.FromSlash(j.path))
	a, err := d.get(ctx, url, nil, func(a answer) error {
		if a.status != http.StatusOK {
			return nil // another try would not help
		}
		return verify(a.content, j.sum, url) // a proxy's page, say
	})
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("download %s: the server said %d %s", url, a.status, http.StatusText(a.status))
	}
	if err != nil {
		return err
	}
	return cmp.Or(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, a.content, 0o600))
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
