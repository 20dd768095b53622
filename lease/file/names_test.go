package file

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

func TestNamesBecomePaths(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"orders-projection":            "lease-orders-projection",
		"a_1":                          "lease-a_1",
		"Orders":                       "lease-%4frders",
		"../x":                         "lease-%2e%2e%2fx",
		"/etc/x":                       "lease-%2fetc%2fx",
		".":                            "lease-%2e",
		"..":                           "lease-%2e%2e",
		`a\b:c*?`:                      "lease-a%5cb%3ac%2a%3f",
		"con":                          "lease-con",
		"a.lock":                       "lease-a%2elock",
		"é":                            "lease-%c3%a9",
		"50%":                          "lease-50%25",
		strings.Repeat("a", 120):       "lease-" + strings.Repeat("a", 120),
		strings.Repeat("a", 121):       "lease-" + strings.Repeat("a", 120) + "/lease-a",
		strings.Repeat("a", 118) + "Z": "lease-" + strings.Repeat("a", 118) + "%5/lease-a",
	} {
		assert.Equal(t, want, stem(name))
		back, ok := nameOf(want + cellSuffix)
		assert.True(t, ok, want)
		assert.Equal(t, name, back)
	}
}

func TestForeignFilesAreNoCells(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"", ".json", "lease-.json", "orders.json", "lease-a", "lease-a.lock", "lease-a.tmp", "lease-a.JSON", "lease-A.json",
		"lease-%41.json.bak", "lease-%2F.json", "lease-%61.json", "lease-%zz.json", "lease-%.json", "lease-a b.json",
		"lease-%ff.json", "lease-%0a.json", "x/lease-a.json", "lease-a/lease-b.json", "lease-é.json",
		"lease-" + strings.Repeat("a", 121) + ".json", "lease-" + strings.Repeat("a", 120) + "/b.json",
		"lease-" + strings.Repeat("a", 120) + "/lease-.json", strings.Repeat("lease-"+strings.Repeat("a", 120)+"/", 2) + "lease-" + strings.Repeat("a", 16) + ".json",
	} {
		name, isCell := nameOf(file)
		assert.False(t, isCell, "%s is taken for the cell of %q", file, name)
	}
}

func FuzzNames(f *testing.F) {
	f.Add("orders", "Orders")
	f.Add("../x", "/etc/x")
	f.Add("e\u0301", "\u00e9")
	f.Add("con", "nul.json")
	f.Add("a%2f", "a/")
	f.Add(strings.Repeat("日", 85), strings.Repeat("日", 84)+"本")
	f.Add(strings.Repeat("a", 120), strings.Repeat("a", 121))
	f.Fuzz(func(t *testing.T, a, b string) {
		if lease.CheckName(a) != nil || lease.CheckName(b) != nil {
			t.Skip()
		}
		place := stem(a)
		back, isCell := nameOf(place + cellSuffix)
		require.True(t, isCell)
		require.Equal(t, a, back)
		if a != b {
			require.NotEqual(t, strings.ToLower(place), strings.ToLower(stem(b)), "%q and %q share a file", a, b)
		}
		require.Equal(t, place, path.Clean(place))
		pieces := strings.Split(place, "/")
		for i, piece := range pieces {
			require.Regexp(t, `^lease-[a-z0-9_%-]+$`, piece) // no dot: no directory has a cell's name
			require.LessOrEqual(t, len(piece+cellSuffix), 143)
			require.Equal(t, i < len(pieces)-1, i < len(pieces)-1 && isPiece(piece))
		}
	})
}
