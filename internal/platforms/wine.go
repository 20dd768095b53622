package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// onWine are the packages whose tests run under Wine.
var onWine = []string{"./internal/host", "./internal/hosttest", "./lease", "./lease/memory", "./lease/file", "."}

// notOnWine are tests that fail because of Wine (8.0), and not because of Windows.
const notOnWine = "^(TestListPassesForeignFilesOver)$" // Wine says that it made a symbolic link that it did not make

func testOnWine() (left string, err error) {
	wine := firstOf("/usr/lib/wine/wine64", "/usr/bin/wine64", "/usr/local/bin/wine64") // not the script, which also wants 32-bit Wine
	if wine == "" {
		return "install Wine (apt-get install wine64)", nil
	}
	dir, err := place()
	if err != nil {
		return "", err
	}
	w := &wineRun{wine: wine, dir: dir}
	if err := errors.Join(w.makePrefix(), w.makeOverlay()); err != nil {
		return "", err
	}
	var errs []error
	for _, pkg := range onWine {
		errs = append(errs, w.test(pkg))
	}
	errs = append(errs, w.command())
	return "", errors.Join(errs...)
}

type wineRun struct{ wine, dir string }

func (w *wineRun) env() []string {
	return append(os.Environ(), "WINEPREFIX="+filepath.Join(w.dir, "prefix"), "WINEARCH=win64", "WINEDEBUG=-all",
		"WINEDLLOVERRIDES=mscoree,mshtml=")
}

// makePrefix makes a Wine prefix, which is a machine for Wine. It reports Windows 10, the oldest that Go runs on, and has the
// one library that Go needs and Wine 8 lacks.
func (w *wineRun) makePrefix() error {
	system := filepath.Join(w.dir, "prefix", "drive_c", "windows", "system32")
	library := filepath.Join(system, "bcryptprimitives.dll")
	if firstOf(library) != "" {
		return nil
	}
	for _, command := range [][]string{
		{w.wine, "wineboot.exe", "-i"},
		{w.wine, "reg.exe", "add", `HKCU\Software\Wine`, "/v", "Version", "/d", "win10", "/f"},
	} {
		if err := run(w.env(), command...); err != nil {
			return err
		}
	}
	return os.WriteFile(library, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o600)
}

// makeOverlay changes one line of the standard library for the tests' binaries. Wine answers "not implemented" to a way of
// deleting files that Windows before 10 lacked, too; Go has another way for those.
func (w *wineRun) makeOverlay() error {
	const before, after = "\tcase STATUS_INVALID_INFO_CLASS, ", "\tcase NTStatus(0xC0000002), STATUS_INVALID_INFO_CLASS, "
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "internal", "syscall", "windows", "at_windows.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	if strings.Count(string(text), before) != 1 {
		return fmt.Errorf("%s is not as this program knows it: look for how os.RemoveAll falls back there", source)
	}
	changed := filepath.Join(w.dir, "at_windows.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(changed, []byte(strings.Replace(string(text), before, after, 1)), 0o600),
		os.WriteFile(w.overlay(), overlay, 0o600))
}

func (w *wineRun) overlay() string { return filepath.Join(w.dir, "overlay.json") }

func (w *wineRun) test(pkg string) error {
	binary := filepath.Join(w.dir, "test.exe")
	if err := run(target("windows/amd64"), "go", "test", "-c", "-overlay", w.overlay(), "-o", binary, pkg); err != nil {
		return err
	}
	// One test at a time: every file, lock and process goes through the one thread of Wine's server. Leases of a second or two run
	// out while that is busy with other tests.
	return runIn(pkg, w.env(), w.wine, binary, "-test.parallel", "1", "-test.timeout", "5m", "-test.skip", notOnWine)
}

// command has the command run a program once: it leads, and ends with the program's exit code.
func (w *wineRun) command() error {
	binary := filepath.Join(w.dir, "leader.exe")
	tags := "no_azblob,no_dynamodb,no_gs,no_s3" // as a directory is all that it needs here
	if err := run(target("windows/amd64"), "go", "build", "-overlay", w.overlay(), "-tags", tags, "-o", binary, "./cmd/leader"); err != nil {
		return err
	}
	const code = 7
	var exit *exec.ExitError
	err := run(w.env(), w.wine, binary, "run", "--name", "platforms", "--once", "--", "cmd", "/c", fmt.Sprint("exit ", code))
	if !errors.As(err, &exit) || exit.ExitCode() != code {
		return fmt.Errorf("leader run is to end with the program's exit code, %d: %w", code, err)
	}
	return nil
}
