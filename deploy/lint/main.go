// The program checks the files of this folder, and the scripts of .ci, with the linters of their kinds, without a network once the linters are installed:
//
//	go -C deploy run ./lint
//
// The formatter of HCL is linked in. Those from PyPI are installed, once, in the user's cache directory, at the versions of
// requirements.txt. systemd-analyze and kubectl are used if they are there; the program says if not.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A check looks at all files that match a pattern, in the current directory and below.
type check struct {
	files string
	look  func(ctx context.Context, l linters, file string) error
}

var checks = []check{
	{"*.tf", terraform},
	{"aws/template.yaml", func(ctx context.Context, l linters, file string) error { return l.run(ctx, "cfn-lint", "-t", file) }},
	{"Dockerfile", func(ctx context.Context, l linters, file string) error { return l.run(ctx, "hadolint", file) }},
	{"kubernetes/*.yaml", kubernetes},
	{"kustomization.yaml", kustomize},
	{"aws/policies/*.json", policy},
	{"*.json", isJSON},
	{"*.service", systemd},
}

func run(ctx context.Context) error {
	l, err := install(ctx)
	if err != nil {
		return err
	}
	var errs []error
	seen := 0
	err = filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, c := range checks {
			whole, _ := filepath.Match(c.files, filepath.ToSlash(file))
			base, _ := filepath.Match(c.files, filepath.Base(file))
			if whole || base {
				seen++
				if err := c.look(ctx, l, file); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", file, err))
				}
			}
		}
		return nil
	})
	if seen == 0 {
		errs = append(errs, errors.New("no file was found: run this as make deployments does"))
	}
	scripts, _ := filepath.Glob("../.ci/*")
	errs = append(errs, err, l.run(ctx, "shellcheck", append([]string{"-S", "warning"}, scripts...)...))
	return errors.Join(errs...)
}

// terraform does what terraform fmt -check and the parser of terraform validate do.
func terraform(_ context.Context, _ linters, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if _, wrong := hclparse.NewParser().ParseHCL(text, file); wrong.HasErrors() {
		return wrong
	}
	if !bytes.Equal(hclwrite.Format(text), text) {
		return errors.New("it is not formatted: run terraform fmt")
	}
	return nil
}

func kubernetes(ctx context.Context, l linters, file string) error {
	if filepath.Base(file) == "kustomization.yaml" {
		return nil
	}
	return l.run(ctx, "kubernetes-validate", "--strict", "--quiet", file)
}

func kustomize(ctx context.Context, _ linters, file string) error {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		fmt.Println(file + ": not checked: there is no kubectl here")
		return nil
	}
	return output(exec.CommandContext(ctx, kubectl, "kustomize", filepath.Dir(file)))
}

// policy puts a resource into a statement, and asks the linter of IAM.
func policy(ctx context.Context, l linters, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var statement map[string]any
	if err := json.Unmarshal(text, &statement); err != nil {
		return err
	}
	for kind, resource := range map[string]string{
		"dynamodb": "arn:aws:dynamodb:eu-west-1:111122223333:table/leases", "objects": "arn:aws:s3:::leases/*", "bucket": "arn:aws:s3:::leases",
	} {
		if strings.Contains(filepath.Base(file), kind) {
			statement["Resource"] = resource
		}
	}
	whole, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{statement}})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "policy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), whole, 0o600); err != nil {
		return err
	}
	return l.run(ctx, "parliament", "--directory", dir)
}

func isJSON(_ context.Context, _ linters, file string) error {
	text, err := os.ReadFile(file)
	if err == nil && !json.Valid(text) {
		err = errors.New("it is not JSON")
	}
	return err
}

var program = regexp.MustCompile(`(?m)^ExecStart=\S+`)

// systemd verifies a copy of the unit whose program exists on this machine.
func systemd(ctx context.Context, _ linters, file string) error {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		fmt.Println(file + ": not checked: there is no systemd-analyze here")
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "unit")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	there := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(there, program.ReplaceAll(text, []byte("ExecStart=/bin/true")), 0o600); err != nil {
		return err
	}
	if said, err := exec.CommandContext(ctx, analyze, "verify", there).CombinedOutput(); err != nil || len(said) > 0 {
		return fmt.Errorf("systemd-analyze: %s", bytes.TrimSpace(said)) // it warns of an unknown key, and succeeds
	}
	return nil
}
