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

// Every command line that a page shows is one that leader takes: its subcommand and its flags exist, and the flags' values are good.
func TestPagesShowCommands(t *testing.T) {
	t.Parallel()
	tree, found := os.DirFS(filepath.Join("..", "..")), 0
	require.NoError(t, fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".md" {
			return err
		}
		page, err := fs.ReadFile(tree, name)
		for _, line := range shown.FindAllStringSubmatch(string(page), -1) {
			found++
			line, _, _ := strings.Cut(line[1], " #")
			assert.NoError(t, takes(line), "%s: leader %s", name, line)
		}
		return err
	}))
	require.Greater(t, found, 50)
}

// takes returns why leader does not take this line.
func takes(line string) error {
	var args []string
	for _, arg := range word.FindAllString(line, -1) {
		args = append(args, strings.Trim(arg, "'"))
	}
	cmd, rest, err := (&app{}).command().Find(args)
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
