package firstseen

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMemory(t *testing.T) {
	var m Memory
	require.Zero(t, m.For("a", "1", 10, 0))
	require.Equal(t, time.Duration(5), m.For("a", "1", 15, 0))
	require.Equal(t, time.Duration(20), m.For("a", "1", 16, 20), "its known age")
	require.Equal(t, time.Duration(21), m.For("a", "1", 17, 0), "once known, it is")
	require.Zero(t, m.For("a", "2", 18, 0), "another version")
	m.Forget("a")
	require.Zero(t, m.For("a", "2", 19, -5))
}

// A memory that is full tells nobody to wait, and keeps what it has.
func TestMemoryIsBounded(t *testing.T) {
	var m Memory
	for n := range most {
		require.Zero(t, m.For(fmt.Sprint(n), "1", 0, 0))
	}
	require.Equal(t, time.Duration(math.MaxInt64), m.For("one more", "1", 0, 0))
	require.Equal(t, time.Duration(7), m.For("0", "1", 7, 0))
	m.Forget("1")
	require.Zero(t, m.For("one more", "1", 0, 0))
}
