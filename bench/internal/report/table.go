package report

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Table returns a table in Markdown. A row may be shorter than the header. Columns of figures are aligned to the right.
func Table(header []string, rows ...[]string) string {
	rule := make([]string, len(header))
	for i := range header {
		rule[i] = "---"
		if figures(rows, i) {
			rule[i] = "---:"
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{header, rule}, rows...) {
		b.WriteString("|")
		for i := range header {
			text := ""
			if i < len(row) {
				text = strings.NewReplacer("|", `\|`, "\n", " ").Replace(row[i])
			}
			b.WriteString(" " + text + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Missing lists what was not measured, and why; empty if there is nothing.
func Missing(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "\nNot measured:\n\n- " + strings.Join(lines, "\n- ") + "\n"
}

// Met says whether a goal was reached, so that a miss stands out.
func Met(reached bool) string {
	if reached {
		return "met"
	}
	return "**missed**"
}

// figures reports whether a column has figures, and nothing else.
func figures(rows [][]string, column int) bool {
	found := false
	for _, row := range rows {
		if column >= len(row) || row[column] == "" || row[column] == "-" {
			continue
		}
		text := strings.TrimLeft(row[column], "<>~$-*")
		if text == "" || !unicode.IsDigit(rune(text[0])) || len(text) > 20 {
			return false
		}
		found = true
	}
	return found
}

// Figure writes a number for people: three significant digits, whole numbers in full, with commas between thousands.
func Figure(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case v == 0:
		return "0"
	case v < 0:
		return "-" + Figure(-v)
	case v == math.Trunc(v) && v < 1e15:
		return commas(strconv.FormatFloat(v, 'f', 0, 64))
	}
	digits := max(0, 2-int(math.Floor(math.Log10(v))))
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return commas(text)
}

func commas(text string) string {
	whole, rest, fraction := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction {
		return whole + "." + rest
	}
	return whole
}
