package install

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"runtime"
)

// pins lists what is installed, with checksums. To change a version, edit the first file of a line and make the second:
//
//	requirements.in    requirements.txt   with Python 3.11: pip-compile --generate-hashes --no-annotate --no-header
//	                                      --strip-extras --allow-unsafe requirements.in, less its --find-links
//	package.json       package-lock.json  npm install --package-lock-only --omit-lockfile-registry-resolved
//	pom.xml            jars.sha256        mvn dependency:copy-dependencies -DincludeScope=runtime
//	                                      -DoutputDirectory=lib -Dmdep.useRepositoryLayout, then sha256sum of what is in lib,
//	                                      named by its path there
//	                   databases.sha256   sha256sum of the jars of the databases, for each kind of machine that Maven has
//
//go:embed pins
var pins embed.FS

const (
	// go install builds fakeGCS; the checksum database of Go vouches for it.
	fakeGCS = "github.com/fsouza/fake-gcs-server@v1.56.1"
	// mvn copies the jars with mavenPlugin.
	mavenPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
	// layout rises when the same pins are laid out differently.
	layout = 1
)

// pin returns the content of a file of pins.
func pin(name string) []byte {
	content, err := pins.ReadFile("pins/" + name)
	if err != nil {
		panic(err) // it is in this program
	}
	return content
}

// key names the installation: another version of anything, or another kind of machine, is another one.
func key() string {
	hash := sha256.New()
	fmt.Fprintln(hash, layout, runtime.GOOS, runtime.GOARCH, fakeGCS)
	_ = fs.WalkDir(pins, ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			content, _ := pins.ReadFile(path) // it is in this program
			fmt.Fprintf(hash, "%s %x\n", path, sha256.Sum256(content))
		}
		return err
	})
	return hex.EncodeToString(hash.Sum(nil))[:12]
}
