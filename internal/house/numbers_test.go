package house

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
)

// The prices in README.md's table are those that the stores' package comments derive.
func TestPricesHaveSources(t *testing.T) {
	t.Parallel()
	rows := regexp.MustCompile("(?m)^\\| `lease/(\\w+)` \\|.*\\| \\$([0-9.]+) \\| \\$([0-9.]+) \\|$").FindAllStringSubmatch(read(t, "README.md"), -1)
	require.Len(t, rows, 4)
	for _, row := range rows {
		comment, _, found := strings.Cut(read(t, "lease/"+row[1]+"/"+row[1]+".go"), "\npackage ")
		require.True(t, found, row[1])
		for _, price := range row[2:] {
			assert.Contains(t, comment, price, "lease/%s has a price in README.md that its package comment does not derive", row[1])
		}
	}
}

// The table of a checkpoint's costs in docs/catchup.md is computed: a write in each interval, at the price that docs/benchmarks.md
// has a source for. The price of a write on Azure has its source on the page.
func TestCheckpointCostsAreComputed(t *testing.T) {
	t.Parallel()
	page, sources := read(t, "docs/catchup.md"), read(t, "docs/benchmarks.md")
	_, summary, _ := strings.Cut(read(t, "README.md"), "a checkpoint costs ")
	price := regexp.MustCompile(`(?:write request unit|PUT|class A operation): \$([0-9.]+) for (\d(?:[\d,]*\d)?(?: million)?);`)
	writes := 30 * 24 * time.Hour / checkpoint.DefaultEvery
	for store, source := range map[string]string{"DynamoDB": "DynamoDB, on demand", "S3": "S3, Standard", "Cloud Storage": "Cloud Storage, Standard", "Azure Blob": ""} {
		row := regexp.MustCompile(`(?m)^\| ` + store + ` \| ([\d,]+) \| \$([0-9.]+) \| \$([0-9.]+) for (\d(?:[\d,]*\d)?(?: million)?)\b.*\|$`).FindStringSubmatch(page)
		require.NotNil(t, row, store)
		assert.Equal(t, thousands(writes), row[1], store)
		assert.Equal(t, fmt.Sprintf("%.2f", float64(writes)*number(t, row[3])/number(t, row[4])), row[2], store)
		assert.Regexp(t, `\$`+row[2]+`(\sa\smonth)? on ([^;$]+ )?`+strings.Fields(store)[0], summary, "%s, in README.md", store)
		if source == "" {
			continue
		}
		line := regexp.MustCompile(`(?m)^\| ` + source + ` \| .*<https://.*$`).FindString(sources)
		found := price.FindStringSubmatch(line)
		require.NotNil(t, found, "docs/benchmarks.md has no price and source of %s", source)
		assert.Equal(t, found[1:], row[3:], store)
	}
}

// number reads one as the pages write it: 1,000, or 1 million.
func number(t *testing.T, text string) float64 {
	t.Helper()
	digits, million := strings.CutSuffix(text, " million")
	n, err := strconv.ParseFloat(strings.ReplaceAll(digits, ",", ""), 64)
	require.NoError(t, err)
	if million {
		n *= 1e6
	}
	return n
}

// The pages and comments that state the margin have lease.Margin's value.
func TestTheMarginIsStatedEverywhere(t *testing.T) {
	t.Parallel()
	words := map[time.Duration]string{4: "quarter", 5: "fifth", 8: "eighth", 10: "tenth", 20: "twentieth"}
	part := time.Hour / lease.Margin(time.Hour)
	require.NotEmpty(t, words[part], "say what a %dth is called", part)
	for file, times := range map[string]int{
		"README.md": 1, "doc.go": 2, "options.go": 2, "lease/doc.go": 1, "lease/lease.go": 1, "docs/choosing.md": 1, "docs/design.md": 1, "docs/faq.md": 2,
	} {
		assert.GreaterOrEqual(t, strings.Count(read(t, file), words[part]), times, "%s states the margin, a %s of the length", file, words[part])
	}
}

// The table of lengths in docs/choosing.md is computed: from the length, intervals of a third of it, and the margin.
func TestLengthsAreComputed(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/choosing.md")
	for row, value := range map[string]func(length, third time.Duration) string{
		"longest failover after a crash":         func(length, third time.Duration) string { return seconds(length + third) },
		"usual failover after a crash":           func(length, third time.Duration) string { return seconds(length - third/2) },
		"failover after a stop":                  func(_, third time.Duration) string { return seconds(third) },
		"longest pause that the leader survives": func(length, third time.Duration) string { return seconds(length - lease.Margin(length) - third) },
		"writes a day, by the leader":            func(_, third time.Duration) string { return thousands(24 * time.Hour / third) },
		"reads a day, by each standby":           func(_, third time.Duration) string { return thousands(24 * time.Hour * 105 / 100 / third) },
	} {
		var cells []string
		for _, length := range []time.Duration{15 * time.Second, 3 * time.Second, time.Minute} {
			cells = append(cells, value(length, length/lease.IntervalsPerLength))
		}
		assert.Regexp(t, `(?m)^\| `+row+` \|[^|]*\| `+strings.Join(cells, ` \| `)+` \|$`, page)
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%v s", d.Seconds()) }

// thousands returns a count as the pages write it: 17,280.
func thousands(n time.Duration) string {
	text := fmt.Sprint(int64(n))
	if len(text) > 3 {
		text = text[:len(text)-3] + "," + text[len(text)-3:]
	}
	return text
}
