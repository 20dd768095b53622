// Package show writes for people, in colours and tables, and for programs, in JSON. What comes from a store moves no cursor.
package show

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/cloudlease/leader/internal/plainjson"
)

// Colours are for standard output, if it is a terminal and NO_COLOR is not set: the package sees to that.
var (
	Good  = color.New(color.FgGreen).SprintFunc()
	Bad   = color.New(color.FgRed, color.Bold).SprintFunc()
	Doubt = color.New(color.FgYellow).SprintFunc()
	Faint = color.New(color.Faint).SprintFunc()
)

// IsTerminal reports whether the stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Progress shows progress on w, if that is a terminal. It replaces the text that it showed before.
func Progress(w io.Writer, format string, args ...any) {
	if IsTerminal(w) && os.Getenv("TERM") != "dumb" {
		const begin = "\r\x1b[K" // of the line, which is erased: ECMA-48
		fmt.Fprint(w, begin+fmt.Sprintf(format, args...))
	}
}

// Printable returns text from a store so that it can be shown: a record must not move the cursor of the reader.
func Printable(s string) string {
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.Quote(s)
	}
	return s
}

// PrintableText is Printable for text of several lines: it is not quoted, and what is not printable is escaped.
func PrintableText(s string) string {
	return escaped(s, func(c rune) bool { return c == '\n' || c == '\t' })
}

// PrintableJSON returns JSON from a store in one line, with escapes for what is not printable. It is still the same JSON.
func PrintableJSON(data []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return Printable(string(data))
	}
	return escaped(b.String(), func(rune) bool { return false })
}

// escaped writes what is not printable as JSON does, in units of UTF-16.
func escaped(s string, keep func(rune) bool) string {
	var b strings.Builder
	for _, c := range s {
		if unicode.IsPrint(c) || keep(c) {
			b.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// Table returns a table of columns with nothing drawn around them.
func Table(w io.Writer, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	if len(header) > 0 {
		t.AppendHeader(header)
	}
	return t
}

// JSON prints a value in a line.
func JSON(w io.Writer, v any) error {
	line, err := plainjson.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// Duration returns a number of seconds, as JSON has it, as a duration.
func Duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// Ceil returns d in whole seconds: not less than it is.
func Ceil(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }
