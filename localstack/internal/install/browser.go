package install

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"os"
	"path/filepath"
)

// browserPins are apart from the pins of the emulators, which need not be installed again for another browser.
//
//go:embed browser/package.json browser/package-lock.json
var browserPins embed.FS

func browserPin(name string) []byte {
	content, err := browserPins.ReadFile("browser/" + name)
	if err != nil {
		panic(err) // it is in this program
	}
	return content
}

func browserKey() string {
	return fmt.Sprintf("%x", sha256.Sum256(browserPin("package-lock.json")))[:12]
}

// unpackBrowser has the package unpack its Chromium, with the libraries that a small machine lacks: it thinks that it is on one.
const unpackBrowser = `import("@sparticuz/chromium").then(m => m.default.executablePath()).then(path => console.log(path))`

func installBrowser(ctx context.Context, s site, node Installation) error {
	modules, tmp := filepath.Join(s.dir, "modules"), filepath.Join(s.dir, "tmp")
	if err := s.modules(ctx, modules, filepath.Join(modules, "node_modules", "@sparticuz", "chromium", "package.json"), node, browserPin); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	cmd := s.command(ctx, node.Node(), "-e", unpackBrowser)
	cmd.Dir = modules
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "AWS_EXECUTION_ENV=AWS_Lambda_nodejs22.x")
	if err := run(cmd); err != nil {
		return err
	}
	version := s.command(ctx, filepath.Join(tmp, "chromium"), "--version")
	version.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(tmp, "al2023", "lib"))
	return run(version)
}
