package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Colours are for standard output, if it is a terminal and NO_COLOR is not set: the package sees to that.
var (
	good  = color.New(color.FgGreen).SprintFunc()
	bad   = color.New(color.FgRed, color.Bold).SprintFunc()
	doubt = color.New(color.FgYellow).SprintFunc()
	faint = color.New(color.Faint).SprintFunc()
)

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress shows what is being done, on a terminal; what is shown replaces what was shown before.
func (a *app) progress(format string, args ...any) {
	if isTerminal(a.err) && os.Getenv("TERM") != "dumb" {
		const begin = "\r\x1b[K" // of the line, which is erased: ECMA-48
		fmt.Fprint(a.err, begin+fmt.Sprintf(format, args...))
	}
}

// printable is text from a store as it can be shown: whoever may write there is not to move the cursor of whoever looks.
func printable(s string) string {
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.Quote(s)
	}
	return s
}

// wait returns false if ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// args makes a wrong number of arguments an error of usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usage(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
		}
		return nil
	}
}
