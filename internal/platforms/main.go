// Command platforms tests the library on other platforms, as far as this machine can run them, and vets it for the rest:
//
//	linux/386      natively, on linux/amd64
//	linux/s390x    the protocol, under qemu-user: big-endian
//	windows/amd64  under Wine
//
// It names what it cannot run, and what to install for that. With -quick, it does only what needs no emulator.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// core are the packages without a cloud's SDK. make vet vets the others for three systems.
var core = []string{".", "./lease", "./lease/file", "./lease/memory", "./checkpoint", "./internal/host", "./internal/hosttest"}

// built has no cloud's SDK, either, but its tests do: it is compiled, and no more.
const built = "./fence"

// vetted are platforms that are only vetted here, unless steps has tests for them.
var vetted = []string{
	"windows/amd64", "windows/arm64", "darwin/amd64", "darwin/arm64", "freebsd/amd64", "openbsd/amd64", "netbsd/amd64",
	"linux/arm64", "linux/s390x",
}

func main() {
	quick := flag.Bool("quick", false, "only what needs no emulator")
	flag.Parse()
	failed := false
	for _, step := range steps() {
		if *quick && step.emulated {
			continue
		}
		begin := time.Now()
		left, err := step.do()
		switch took := time.Since(begin).Round(time.Second); {
		case err != nil:
			failed = true
			fmt.Printf("FAILED   %s: %v\n", step.what, err)
		case left != "":
			fmt.Printf("left out %s: %s\n", step.what, left)
		default:
			fmt.Printf("ok       %s (%v)\n", step.what, took)
		}
	}
	if failed {
		os.Exit(1)
	}
}

// A step does something for a platform. It returns why it was left out, or what failed.
type step struct {
	what     string
	emulated bool
	do       func() (left string, err error)
}

func steps() (all []step) {
	for _, platform := range vetted {
		all = append(all, step{"vet " + platform, false, func() (string, error) {
			return "", errors.Join(
				run(target(platform), append([]string{"go", "vet"}, core...)...),
				run(target(platform), "go", "build", built),
			)
		}})
	}
	return append(all,
		step{"tests on linux/386: " + names(core), false, func() (string, error) {
			if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
				return "this is " + runtime.GOOS + "/" + runtime.GOARCH, nil
			}
			return "", errors.Join(
				run(target("linux/386"), append([]string{"go", "test"}, core...)...),
				run(target("linux/386"), "go", "build", built),
			)
		}},
		step{"tests on linux/s390x: lease", true, func() (string, error) {
			const emulator = "qemu-s390x"
			if _, err := exec.LookPath(emulator); err != nil {
				return "install qemu-user (apt-get install qemu-user)", nil
			}
			return "", run(target("linux/s390x"), "go", "test", "-exec", emulator, "./lease")
		}},
		step{"tests on windows/amd64, under Wine: " + names(onWine) + ", and leader run", true, testOnWine},
	)
}

func names(packages []string) string { return strings.Join(packages, " ") }

// target returns the environment in which the go command builds for a platform.
func target(platform string) []string {
	system, arch, _ := strings.Cut(platform, "/")
	return append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
}

// run runs a command, and returns its output with its error.
func run(env []string, command ...string) error {
	return runIn("", env, command...)
}

func runIn(dir string, env []string, command ...string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	return nil
}

// place returns the directory of files for Wine. Each run makes them again, but for the Wine prefix, which takes long.
func place() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "leader-platforms")
	return dir, os.MkdirAll(dir, 0o700)
}

// firstOf returns the first of the files that exists; "" if none does.
func firstOf(files ...string) string {
	i := slices.IndexFunc(files, func(file string) bool {
		_, err := os.Stat(file)
		return err == nil
	})
	if i < 0 {
		return ""
	}
	return files[i]
}
