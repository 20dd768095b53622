package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the default width of a terminal.
const helpWidth = 80

// fitFlags makes the flags fit in the help of all commands.
func fitFlags(root *cobra.Command) {
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages |", fmt.Sprintf(".FlagUsagesWrapped %d |", helpWidth)))
}

// fitHelp makes the help of a command, and of all below it, fit.
func fitHelp(cmd *cobra.Command) {
	cmd.Long = wrap(cmd.Long, helpWidth)
	show := func(f *pflag.Flag) {
		if f.Value.Type() == "duration" && strings.HasSuffix(f.DefValue, "m0s") {
			f.DefValue = strings.TrimSuffix(f.DefValue, "0s")
		}
	}
	cmd.LocalNonPersistentFlags().VisitAll(show)
	cmd.PersistentFlags().VisitAll(show)
	for _, below := range cmd.Commands() {
		fitHelp(below)
	}
}

// entryLine is one of a list: what is told of, and after two spaces or a dash, what is told of it.
var entryLine = regexp.MustCompile(`^( *(?:- |\S+(?: \S+)*  +))\S`)

// wrap breaks paragraphs, and entries of lists below their beginning, at the width. Lines that begin with a tab are left alone.
func wrap(text string, width int) string {
	var out []string
	var words []string // of the paragraph
	first, rest := "", ""
	flush := func() {
		line := first
		for i, word := range words {
			if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
				out, line = append(out, line), rest
			} else if i > 0 {
				line += " "
			}
			line += word
		}
		if len(words) > 0 {
			out = append(out, line)
		}
		words = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		body := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(body)]
		entry := entryLine.FindStringSubmatch(line)
		switch {
		case body == "" || strings.HasPrefix(body, "\t"):
			flush()
			out = append(out, line)
			continue
		case entry != nil:
			flush()
			first, rest = entry[1], strings.Repeat(" ", utf8.RuneCountInString(entry[1]))
			body = line[len(first):]
		case len(words) == 0 || indent != rest:
			flush()
			first, rest = indent, indent
		}
		words = append(words, strings.Fields(body)...)
	}
	flush()
	return strings.Join(out, "\n")
}
