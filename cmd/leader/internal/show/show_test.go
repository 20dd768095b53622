package show

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"orders": "orders", "": `""`, "é 世=x": "é 世=x", "a\x1b[2Jb": `"a\x1b[2Jb"`, "a\nb": `"a\nb"`, "\u009b": `"\u009b"`, "\u202e": `"\u202e"`,
	} {
		require.Equal(t, want, Printable(text))
	}
}
