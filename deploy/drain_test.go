package deploy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
)

// graces has, for each file that runs leader, where it says how many seconds there are between SIGTERM and SIGKILL; or, where the
// platform says it, how many.
var graces = map[string]struct {
	said  *regexp.Regexp
	fixed time.Duration
}{
	"aws/fargate.tf":                {said: regexp.MustCompile(`stopTimeout = (\d+)`)},
	"azure/programs.tf":             {said: regexp.MustCompile(`termination_grace_period_seconds = (\d+)`)},
	"compose/compose.yaml":          {said: regexp.MustCompile(`stop_grace_period: (\d+)s`)},
	"gcp/main.tf":                   {fixed: 10 * time.Second},
	"kubernetes/kustomization.yaml": {fixed: time.Minute}, // deployment.yaml has it
	"systemd/orders.service":        {said: regexp.MustCompile(`TimeoutStopSec=(\d+)`)},
}

var (
	programsRun = regexp.MustCompile(`LEADER_NAME\b`)
	drains      = regexp.MustCompile(`LEADER_DRAIN_TIMEOUT(?:"\s*,?\s*value\s*=\s*"|=|: )(\w+)`)
	leaves      = regexp.MustCompile(`LEADER_LEAVE_TIMEOUT(?:"\s*,?\s*value\s*=\s*"|=|: )(\w+)`)
)

// Every program that a file runs under leader has its time to end. It is less than the platform gives, also if the program is
// leader fleet run, which first waits until other nodes are to have its parts.
func TestDrainTimeouts(t *testing.T) {
	t.Parallel()
	eachFile(t, func(file, text string) {
		programs := len(programsRun.FindAllString(text, -1))
		if programs == 0 {
			return
		}
		grace, known := graces[file]
		if !assert.True(t, known, "%s runs leader: say in graces how long the platform waits", file) {
			return
		}
		if grace.said != nil {
			found := grace.said.FindStringSubmatch(text)
			require.NotNil(t, found, file)
			seconds, err := strconv.Atoi(found[1])
			require.NoError(t, err, file)
			grace.fixed = time.Duration(seconds) * time.Second
		}
		leave := leader.DefaultLeaseLength
		if found := leaves.FindStringSubmatch(text); found != nil {
			var err error
			leave, err = time.ParseDuration(found[1])
			require.NoError(t, err, file)
		}
		set := drains.FindAllStringSubmatch(text, -1)
		assert.Len(t, set, programs, "%s: each program has a LEADER_DRAIN_TIMEOUT", file)
		for _, value := range set {
			drain, err := time.ParseDuration(value[1])
			require.NoError(t, err, file)
			assert.Less(t, drain+leave, grace.fixed, file)
		}
	})
}

// eachFile calls f with each file that a platform reads.
func eachFile(t *testing.T, f func(name, text string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		kinds := []string{".tf", ".yaml", ".service", ""}
		if err != nil || entry.IsDir() || !slices.Contains(kinds, filepath.Ext(file)) {
			return err
		}
		text, err := os.ReadFile(file)
		f(filepath.ToSlash(file), string(text))
		return err
	})
	require.NoError(t, err)
}
