package main

import (
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
)

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "The version of this command, and what it was built from",
		Args:  args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return show.JSON(a.out, builtFrom(debug.ReadBuildInfo()))
			}
			_, err := fmt.Fprintln(a.out, "leader", version())
			return err
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// version returns in a line what the command was built from.
func version() string { return builtFrom(debug.ReadBuildInfo()).String() }

// A build is the JSON of "leader version --json". Its fields keep their names and meaning; there may be more later. A field
// without a value is left out: a program that was built from the module of a tag, outside its repository, knows no revision.
type build struct {
	Version  string `json:"version"`            // of the module, as Go writes it: v1.2.3, or (devel)
	Sum      string `json:"sum,omitempty"`      // the checksum of the module's source, as in go.sum
	Revision string `json:"revision,omitempty"` // the commit, whole or its first 12 digits
	Time     string `json:"time,omitempty"`     // of the commit, RFC 3339 in UTC
	Modified bool   `json:"modified,omitempty"` // there were changes that the commit has not
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// pseudo matches the version of a commit without a tag: it ends with the commit's time and the first digits of its name.
var pseudo = regexp.MustCompile(`[-.](\d{14})-([0-9a-f]{12})$`)

// builtFrom reads what the Go tool has written into the program; ok is false if it has written nothing.
func builtFrom(info *debug.BuildInfo, ok bool) build {
	b := build{Version: "(unknown)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if !ok {
		return b
	}
	b.Version, b.Sum = info.Main.Version, info.Main.Sum
	if commit := pseudo.FindStringSubmatch(b.Version); commit != nil { // go install ...@main knows the commit by it alone
		if at, err := time.Parse("20060102150405", commit[1]); err == nil {
			b.Time, b.Revision = at.Format(time.RFC3339), commit[2]
		}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	words := []string{b.Version}
	if b.Revision != "" {
		words = append(words, b.Revision)
	}
	switch {
	case b.Time != "" && b.Modified:
		words = append(words, "("+b.Time+", changed)")
	case b.Time != "":
		words = append(words, "("+b.Time+")")
	case b.Modified:
		words = append(words, "(changed)")
	}
	return strings.Join(append(words, b.Go, b.OS+"/"+b.Arch), " ")
}
