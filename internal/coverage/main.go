// Command coverage reads a profile of go test -coverprofile, and prints the statement coverage of some packages by all tests
// together. It fails if one is below the minimum.
//
//	go run ./internal/coverage -min 90 coverage.out github.com/cloudlease/leader github.com/cloudlease/leader/lease
//
// go tool cover prints only the coverage of all packages together.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
)

func main() {
	minimum := flag.Float64("min", 0, "percent of the statements that tests have to reach in each package")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: coverage [-min percent] profile package...")
		os.Exit(2)
	}
	if err := run(os.Stdout, *minimum, flag.Arg(0), flag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, minimum float64, profile string, packages []string) error {
	f, err := os.Open(profile)
	if err != nil {
		return err
	}
	defer f.Close()
	blocks, err := read(f)
	if err != nil {
		return fmt.Errorf("%s: %w", profile, err)
	}
	var low []string
	for _, pkg := range packages {
		percent, statements := covered(blocks, pkg)
		if statements == 0 {
			return fmt.Errorf("%s: nothing is said of %s: pass it to go test in -coverpkg", profile, pkg)
		}
		fmt.Fprintf(out, "coverage: %5.1f%% of %d statements in %s\n", percent, statements, pkg)
		if percent < minimum {
			low = append(low, pkg)
		}
	}
	if len(low) > 0 {
		return fmt.Errorf("less than %v%% in %s: go tool cover -html=%s shows what no test reaches",
			minimum, strings.Join(low, ", "), profile)
	}
	return nil
}

// A block is a piece of code that runs as a whole.
type block struct {
	statements int
	reached    bool
}

// read returns the blocks by place. Every test binary adds lines for all blocks, so each occurs many times.
func read(profile io.Reader) (map[string]block, error) {
	blocks := map[string]block{}
	lines := bufio.NewScanner(profile)
	for n := 1; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "mode: ") {
			continue
		}
		fields := strings.Fields(lines.Text()) // file.go:1.2,3.4 statements count
		if len(fields) != 3 {
			fields = make([]string, 3)
		}
		statements, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("line %d is not one of a coverage profile: %q", n, lines.Text())
		}
		blocks[fields[0]] = block{statements, blocks[fields[0]].reached || fields[2] != "0"}
	}
	return blocks, lines.Err()
}

// covered returns how many percent of a package's statements were reached.
func covered(blocks map[string]block, pkg string) (percent float64, statements int) {
	reached := 0
	for place, b := range blocks {
		file, _, _ := strings.Cut(place, ".go:")
		if path.Dir(file) != pkg {
			continue
		}
		statements += b.statements
		if b.reached {
			reached += b.statements
		}
	}
	return 100 * float64(reached) / float64(max(statements, 1)), statements
}
