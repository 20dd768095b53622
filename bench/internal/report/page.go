package report

import (
	"fmt"
	"strings"
)

// An Entry is a section of the page, and where it was measured.
type Entry struct {
	About
	Section
}

// Page returns docs/benchmarks.md; its pictures are in the folder docs/benchmarks. All measured figures in it come from the
// sections.
func Page(entries []Entry) string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n<!-- Made of docs/benchmarks/*.json by `go -C bench run . page`: a change by hand is lost. -->\n\n")
	b.WriteString("This library, on each of its stores, beside what is used instead: Kubernetes' leader election, etcd, Redis, PostgreSQL and\n" +
		"DynamoDB clients. All of it runs on one machine, the services too, as their own servers or as the emulators that this\n" +
		"repository's tests use: so compare the numbers with each other, and not with those of a cloud.\n")
	if keys := keys(entries); len(keys) > 0 {
		b.WriteString("\n" + strings.Join(keys, "\n") + "\n")
	}
	b.WriteString("\n" + machines(entries))
	for _, e := range entries {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", e.Title, strings.TrimSpace(e.Text))
		for _, p := range e.Plots {
			caption := strings.Join(strings.Fields(p.Caption), " ")
			fmt.Fprintf(&b, "\n![%s](benchmarks/%s)\n\n*%s*\n", strings.NewReplacer("[", "(", "]", ")").Replace(caption), p.File, caption)
		}
		fmt.Fprintf(&b, "\nMeasured %s. To measure it again:\n\n    %s\n", measured(e.About), strings.ReplaceAll(strings.TrimSpace(e.Command), "\n", "\n    "))
	}
	return b.String()
}

func keys(entries []Entry) []string {
	var keys []string
	for _, e := range entries {
		if e.Key != "" {
			keys = append(keys, fmt.Sprintf("- [%s](#%s): %s", e.Title, anchor(e.Title), strings.Join(strings.Fields(e.Key), " ")))
		}
	}
	return keys
}

// anchor returns the name that GitHub gives a heading.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
			return r
		}
		return -1
	}, strings.ToLower(title))
}

func measured(a About) string {
	text := "on " + a.Date
	if a.Commit != "" {
		text += ", commit " + a.Commit
		if strings.HasSuffix(a.Commit, "+") {
			text += " (with changes that were not committed)"
		}
	}
	return text
}

// machines returns a table of which sections were measured where: mostly a single row.
func machines(entries []Entry) string {
	type place struct{ machine, version string }
	var places []place
	titles := map[place][]string{}
	for _, e := range entries {
		p := place{e.Machine.String(), e.Go}
		if titles[p] == nil {
			places = append(places, p)
		}
		titles[p] = append(titles[p], e.Title)
	}
	if len(places) == 0 {
		return "Nothing has been measured yet.\n"
	}
	var rows [][]string
	for _, p := range places {
		what := "all of it"
		if len(places) > 1 {
			what = strings.Join(titles[p], "; ")
		}
		rows = append(rows, []string{p.machine, p.version, what})
	}
	return Table([]string{"measured on", "Go", "what"}, rows...)
}
