package house

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The log has a line for every event, and the comment of Event names each.
func TestEveryEventIsLogged(t *testing.T) {
	events := read(t, "events.go")
	log := read(t, "log.go")
	kinds := regexp.MustCompile(`(?m)^func \((\w+)\) event\(\)`).FindAllStringSubmatch(events, -1)
	require.Greater(t, len(kinds), 3)
	for _, kind := range kinds {
		require.Regexp(t, `(?s)// An Event .*\b`+kind[1]+`\b.*\ntype Event`, events, "the comment of Event does not name %s", kind[1])
		if kind[1] != "DroppedEvent" { // which is for observers: the log drops remarks and requests alone, and says nothing of that
			require.Regexp(t, `case `+kind[1]+`:`, log, "log.go has no case for %s, and would log an empty line", kind[1])
		}
	}
}
