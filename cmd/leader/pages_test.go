package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shown matches a command line of a page: an indented line, or code in a sentence.
var shown = regexp.MustCompile("(?m)(?:^    |`)leader ([a-z][^`\n]*)")

// word matches one argument, which may be quoted.
var word = regexp.MustCompile(`'[^']*'|\S+`)

// eachPage calls a function with each page of the repository.
func eachPage(t *testing.T, read func(name, page string)) {
	t.Helper()
	tree := os.DirFS(filepath.Join("..", ".."))
	require.NoError(t, fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".md" {
			return err
		}
		page, err := fs.ReadFile(tree, name)
		read(name, string(page))
		return err
	}))
}

// pageLines returns the command lines of all pages, without "leader", and a page that has it.
func pageLines(t *testing.T) map[string]string {
	t.Helper()
	lines := map[string]string{}
	eachPage(t, func(name, page string) {
		for _, match := range shown.FindAllStringSubmatch(page, -1) {
			line, _, _ := strings.Cut(match[1], " #")
			lines[strings.TrimSpace(line)] = name
		}
	})
	require.Greater(t, len(lines), 50)
	return lines
}

// Every command line that a page shows is one that leader takes: its subcommand and its flags exist, and the flags' values are good.
func TestPagesShowCommands(t *testing.T) {
	t.Parallel()
	for line, page := range pageLines(t) {
		assert.NoError(t, takes(line), "%s: leader %s", page, line)
	}
}

// argsOf returns the arguments of a command line, without their quotes.
func argsOf(line string) (args []string) {
	for _, arg := range word.FindAllString(line, -1) {
		args = append(args, strings.Trim(arg, "'"))
	}
	return args
}

// takes returns why leader does not take this line.
func takes(line string) error {
	cmd, rest, err := (&app{}).command().Find(argsOf(line))
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil && !errors.Is(err, pflag.ErrHelp) {
		return err
	}
	if rest = cmd.Flags().Args(); cmd.HasSubCommands() && len(rest) > 0 {
		return fmt.Errorf("%s has no %s", cmd.CommandPath(), rest[0])
	}
	return nil
}

// What is wrong with a line is found.
func TestTakes(t *testing.T) {
	t.Parallel()
	for line, wrong := range map[string]string{
		"run --store 'dynamodb://leases?region=eu-west-1' --name orders -- ./worker --any flag": "",
		"fleet status":               "",
		"fleet":                      "",
		"doctor --store 'a b'":       "",
		"lead":                       "leader has no lead",
		"fleet stats":                "has no stats",
		"status --colour":            "unknown flag: --colour",
		"run --lease-length 15 -- x": "invalid argument",
	} {
		if err := takes(line); wrong == "" {
			require.NoError(t, err, line)
		} else {
			require.ErrorContains(t, err, wrong, line)
		}
	}
}
