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
	require.Zero(t, m.For("a", "1", 9, 10, 0))
	require.Equal(t, time.Duration(5), m.For("a", "1", 14, 15, 0))
	require.Equal(t, time.Duration(20), m.For("a", "1", 15, 16, 20), "its known age")
	require.Equal(t, time.Duration(21), m.For("a", "1", 16, 17, 0), "once known, it is")
	require.Zero(t, m.For("a", "2", 17, 18, 0), "another version")
	m.Forget("a", 18)
	require.Zero(t, m.For("a", "2", 18, 19, -5))
}

// A slow answer shows what was before a look that was sent later.
func TestMemoryOfSlowAnswers(t *testing.T) {
	var m Memory
	require.Zero(t, m.For("a", "2", 10, 11, 0))
	m.Forget("a", 9)
	require.Equal(t, time.Duration(1), m.For("a", "1", 9, 12, 1))
	require.Equal(t, time.Duration(2), m.For("a", "2", 8, 13, 0), "the same, and more slowly")
	m.Forget("a", 9)
	require.Equal(t, time.Duration(3), m.For("a", "2", 13, 14, 0))
	require.Zero(t, m.For("a", "3", 14, 15, 0), "a later one")
}

// A memory that is full tells nobody to wait, and keeps what it has.
func TestMemoryIsBounded(t *testing.T) {
	var m Memory
	for n := range most {
		require.Zero(t, m.For(fmt.Sprint(n), "1", 0, 0, 0))
	}
	require.Equal(t, time.Duration(math.MaxInt64), m.For("one more", "1", 0, 0, 0))
	require.Equal(t, time.Duration(7), m.For("0", "1", 7, 7, 0))
	m.Forget("1", 0)
	require.Zero(t, m.For("one more", "1", 0, 0, 0))
}
