package absent

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIs(t *testing.T) {
	t.Parallel()
	for _, v := range []any{nil, (*bytes.Buffer)(nil), map[string]int(nil), []int(nil), (func())(nil), (chan int)(nil)} {
		require.True(t, Is(v), "%T", v)
	}
	for _, v := range []any{&bytes.Buffer{}, 0, "", struct{}{}, []int{}, map[string]int{}, func() {}} {
		require.False(t, Is(v), "%T", v)
	}
}
