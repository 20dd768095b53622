package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "| peer | renew |\n| --- | ---: |\n| a\\|b | 1,000 |\n| c | - |\n| d |  |\n",
		Table([]string{"peer", "renew"}, []string{"a|b", "1,000"}, []string{"c", "-"}, []string{"d"}))
	assert.Equal(t, "| peer |\n| --- |\n| 1 write and 1 read, one after the other |\n",
		Table([]string{"peer"}, []string{"1 write and 1 read, one after the other"}), "a text that begins with a figure is a text")
}

func TestFigure(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 1: "1", 12: "12", 17280: "17,280", 1234567: "1,234,567", 999.6: "1,000", 0.123456: "0.123", 0.000004: "0.000004", 1.05: "1.05",
		1.0049: "1", 12.345: "12.3", 12345.6: "12,346", -3.14159: "-3.14", math.Inf(1): "-",
	} {
		assert.Equal(t, want, Figure(v), "%v", v)
	}
	assert.Equal(t, "-", Figure(math.NaN()))
}

// texts parses a picture, and returns the texts in it.
func texts(t *testing.T, svg []byte) []string {
	t.Helper()
	var found []string
	decoder := xml.NewDecoder(strings.NewReader(string(svg)))
	inText, root := false, ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			if root == "" {
				root = e.Name.Local
			}
			inText = e.Name.Local == "text"
		case xml.CharData:
			if inText {
				found = append(found, string(e))
			}
		case xml.EndElement:
			inText = false
		}
	}
	assert.Equal(t, "svg", root)
	assert.NotContains(t, string(svg), "NaN")
	return found
}

func TestPlots(t *testing.T) {
	t.Parallel()
	ecdf, err := ECDF("failover <1>", Axis{Label: "seconds", Marks: []Mark{{"promise", 20}}},
		Samples{"ours", []float64{3, 1, 2}}, Samples{"theirs", []float64{9, 12}}, Samples{"absent", nil})
	require.NoError(t, err)
	written := texts(t, ecdf)
	assert.Subset(t, written, []string{"failover <1>", "seconds", "ours", "theirs", "promise"})
	assert.NotContains(t, written, "absent")

	bars, err := Bars("requests", Axis{Label: "an hour", Log: true}, []string{"a", "b"},
		Samples{"leader", []float64{720, 1800}}, Samples{"standby", []float64{math.NaN(), 0}})
	require.NoError(t, err)
	assert.Subset(t, texts(t, bars), []string{"requests", "a", "b", "leader", "standby", "720", "1,800", "0", "1,000"})

	lines, err := Lines("scale", Axis{Label: "leases", Log: true}, Axis{Label: "renewals", Log: true},
		Line{"ours", []float64{1, 10, 100}, []float64{2, 20, 200}})
	require.NoError(t, err)
	assert.Subset(t, texts(t, lines), []string{"scale", "leases", "renewals", "ours", "1,000"})
}

// TestBarsStandBesideTheirNames checks the order: bars are drawn from below, names from above.
func TestBarsStandBesideTheirNames(t *testing.T) {
	t.Parallel()
	svg, err := Bars("x", Axis{}, []string{"a", "b", "c"}, Samples{"s", []float64{11, 22, 33}})
	require.NoError(t, err)
	height := func(text string) float64 {
		found := regexp.MustCompile(`<text x="[^"]*" y="([^"]*)"[^>]*>` + text + `</text>`).FindSubmatch(svg)
		require.NotNil(t, found, text)
		y, err := strconv.ParseFloat(string(found[1]), 64)
		require.NoError(t, err)
		return -y
	}
	assert.Greater(t, height("a"), height("b"), "the first is at the top")
	assert.Greater(t, height("b"), height("c"))
	for name, value := range map[string]string{"a": "11", "b": "22", "c": "33"} {
		assert.InDelta(t, height(name), height(value), 3, name)
	}
}

func TestPlotsRefuseWhatCannotBeShown(t *testing.T) {
	t.Parallel()
	_, err := Bars("x", Axis{}, []string{"a", "b"}, Samples{"s", []float64{1}})
	assert.ErrorContains(t, err, "1 values for 2 names")
	_, err = Bars("x", Axis{Log: true}, []string{"a"}, Samples{"s", []float64{0}})
	assert.ErrorContains(t, err, "nothing to show")
	_, err = Lines("x", Axis{Log: true}, Axis{}, Line{"l", []float64{0, 1}, []float64{1, 2}})
	assert.ErrorContains(t, err, "logarithmic")
	_, err = Bars("x", Axis{}, nil)
	assert.ErrorContains(t, err, "nothing to show")
	_, err = ECDF("x", Axis{}, Samples{"s", nil})
	assert.ErrorContains(t, err, "nothing to show")
	_, err = Lines("x", Axis{}, Axis{})
	assert.ErrorContains(t, err, "nothing to show")
	_, err = Lines("x", Axis{}, Axis{}, Line{"l", []float64{0, 1}, []float64{1}})
	assert.ErrorContains(t, err, "2 values of x, and 1 of y")
}

func TestStepsOfAnECDF(t *testing.T) {
	t.Parallel()
	few := steps([]float64{2, 1})
	require.Len(t, few, 5)
	assert.Equal(t, [2]float64{1, 0}, [2]float64(xy(few[0])))
	assert.Equal(t, [2]float64{1, 50}, [2]float64(xy(few[2])))
	assert.Equal(t, [2]float64{2, 100}, [2]float64(xy(few[4])))

	many := make([]float64, 10*mostSteps+7)
	for i := range many {
		many[i] = float64(i)
	}
	corners := steps(many)
	assert.LessOrEqual(t, len(corners), 2*mostSteps+3)
	last := corners[len(corners)-1]
	assert.Equal(t, [2]float64{many[len(many)-1], 100}, [2]float64{last.X, last.Y}, "the slowest of all is shown")
	for _, c := range corners {
		part := 100 * (c.X + 1) / float64(len(many)) // of the samples, which are 0, 1, 2...
		assert.InDelta(t, part, c.Y, 100.0/mostSteps+0.1)
	}
}

func xy(p struct{ X, Y float64 }) []float64 { return []float64{p.X, p.Y} }

func TestKeep(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "benchmarks")
	_, err := Kept(folder, "failover")
	assert.ErrorIs(t, err, fs.ErrNotExist)

	type result struct {
		Name    string
		Seconds []float64
		Empty   []float64
		Nested  [][]int
		Texts   []string
	}
	want := result{"a [1,\n2]", []float64{1.5, -2e-7, 3}, []float64{}, [][]int{{1, 2}, {3}}, []string{"[1]"}}
	about := About{Part: "failover", Date: "2026-11-24", Go: "go1.26", Commit: "abc", Machine: Machine{CPU: "a processor", Cores: 2}}
	require.NoError(t, Keep(folder, about, want))

	data, err := os.ReadFile(filepath.Join(folder, "failover.json"))
	require.NoError(t, err)
	assert.Contains(t, string(data), `"Seconds": [1.5, -2e-7, 3]`)
	assert.Contains(t, string(data), "\n  \"date\": \"2026-11-24\",\n")

	r, err := Kept(folder, "failover")
	require.NoError(t, err)
	assert.Equal(t, about, r.About)
	var got result
	require.NoError(t, json.Unmarshal(r.Result, &got))
	assert.Equal(t, want, got)

	assert.ErrorContains(t, Keep(folder, about, math.NaN()), "keep the results of failover")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "size.json"), []byte("{"), 0o600))
	_, err = Kept(folder, "size")
	assert.ErrorContains(t, err, "measure it again")
}

func TestMachine(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "A Processor @ 2 GHz", cpu("processor\t: 0\nmodel name\t: A Processor   @ 2 GHz\nmodel name\t: Another\n"))
	assert.NotEmpty(t, cpu("nothing of it"))
	assert.Equal(t, 7.8, memory("MemTotal:        8152345 kB\nMemFree: 1 kB\n"))
	assert.Zero(t, memory("MemTotal: much"))
	here := Here("size", ".")
	name, err := os.Hostname()
	require.NoError(t, err)
	assert.Positive(t, here.Machine.Cores)
	assert.NotContains(t, here.Machine.String(), name)
	assert.Regexp(t, `^(|[0-9a-f]+\+?)$`, here.Commit)
}

func TestPage(t *testing.T) {
	t.Parallel()
	a := About{Part: "failover", Date: "2026-11-24", Go: "go1.26", Commit: "abc", Machine: Machine{CPU: "a processor", Cores: 2, Memory: 8, OS: "linux", Kernel: "6.1"}}
	b := a
	b.Part, b.Commit = "size", "def+"
	entries := []Entry{
		{a, Section{Title: "Failover: after a crash", Command: "bench failover", Key: "12.5 s, of 20", Text: "text\n", Plots: []Plot{{File: "failover.svg", Caption: "a line\nrises [1]"}}}},
		{b, Section{Title: "Size", Command: "bench size", Text: "more"}},
	}
	page := Page(entries)
	assert.Contains(t, page, "\n- [Failover: after a crash](#failover-after-a-crash): 12.5 s, of 20\n")
	assert.Contains(t, page, "\n| a processor, 2 cores, 8 GiB of memory, linux 6.1 | go1.26 | all of it |\n")
	assert.Contains(t, page, "\n## Failover: after a crash\n\ntext\n\n![a line rises (1)](benchmarks/failover.svg)\n\n*a line rises [1]*\n\n"+
		"Measured on 2026-11-24, commit abc. To measure it again:\n\n    bench failover\n")
	assert.Contains(t, page, "\n## Size\n\nmore\n\nMeasured on 2026-11-24, commit def+ (with changes that were not committed). ")
	assert.NotContains(t, page, "[Size]", "it has no key figure")

	entries[1].Machine.CPU = "another"
	page = Page(entries)
	assert.Contains(t, page, "| go1.26 | Failover: after a crash |\n| another, ")

	assert.Contains(t, Page(nil), "Nothing has been measured yet.")
}
