package spawn

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const variable = "SPAWN_TEST"

// TestMain makes this binary a process that greets, and writes twice what it is told.
func TestMain(m *testing.M) {
	greeting := os.Getenv(variable)
	if greeting == "" {
		os.Exit(m.Run())
	}
	fmt.Println(greeting)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(in.Text())
		fmt.Println("again:", in.Text())
	}
	fmt.Print("no end of line")
	os.Exit(7)
}

func TestProcess(t *testing.T) {
	t.Parallel()
	p := Start(t, Self(variable+"=hello"))
	require.Equal(t, "hello", p.Line())
	p.Tell("one")
	p.Tell("two")
	require.Equal(t, "one", p.Line())
	require.Equal(t, "wo", p.After("again: t"))
	require.ErrorContains(t, p.End(), "exit status 7")
}

// A process that goes on is killed when its test ends.
func TestEnd(t *testing.T) {
	t.Parallel()
	var p *Process
	t.Run("test", func(t *testing.T) { p = Start(t, Self(variable+"=hello")) })
	require.ErrorIs(t, p.Kill(), os.ErrProcessDone)
}

func TestLines(t *testing.T) {
	t.Parallel()
	p := Start(t, Self(variable+"=hello"))
	p.Tell("one")
	require.NoError(t, p.stdin.Close())
	require.Equal(t, []string{"hello", "one", "again: one", "no end of line"}, slices.Collect(p.Lines()))
	require.ErrorContains(t, p.Wait(), "exit status 7")
}
