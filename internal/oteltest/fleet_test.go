package oteltest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leaderotel"
	"github.com/cloudlease/leader/leadertest"
)

// A crew is a fleet whose nodes have metrics, in virtual time.
type crew struct {
	*fleettest.Fleet
	t        *testing.T
	provider *sdk.MeterProvider
	reader   reader
}

func inFleet(t *testing.T, test func(t *testing.T, c *crew)) {
	t.Helper()
	inBubble(t, func(t *testing.T, provider *sdk.MeterProvider, r reader) {
		test(t, &crew{fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(4)), t, provider, r})
	})
}

func (c *crew) join(name string, work fleettest.Work, opts ...fleet.Option) *fleettest.Node {
	c.t.Helper()
	metrics, err := leaderotel.NewFleet(c.provider, leaderotel.WithStore("mem:"))
	require.NoError(c.t, err)
	n := c.Join(name, work, append(opts, fleet.WithObserver(metrics.Observe))...)
	metrics.Watch(n.Fleet)
	c.t.Cleanup(func() { require.NoError(c.t, metrics.Close()) })
	return n
}

// value returns the metric's value of a node; -1: there is none.
func (c *crew) value(metric, node string, attributes ...string) float64 {
	c.t.Helper()
	found := c.reader.points(metric, append(attributes, "leader.fleet.name", "ships", "leader.node.id", node, "leader.store.name", "mem:")...)
	if len(found) == 0 {
		return -1
	}
	require.Len(c.t, found, 1, metric)
	return found[0].value
}

func TestFleetMetrics(t *testing.T) {
	inFleet(t, func(t *testing.T, c *crew) {
		parts := func(node, state string) float64 {
			return c.value("leader.fleet.parts", node, "leader.fleet.part.state", state)
		}
		a := c.join("a", fleettest.Wait)
		require.Zero(t, parts("a", "working"))
		c.Settle()
		require.Equal(t, 4.0, parts("a", "working"))
		require.Equal(t, 4.0, c.value("leader.fleet.plan.parts", "a"))
		require.Equal(t, 1.0, c.value("leader.fleet.coordinates", "a"))
		require.Equal(t, 1.0, c.value("leader.fleet.seated", "a"))
		require.Equal(t, 1.0, c.value("leader.fleet.node.healthy", "a"))
		require.Zero(t, c.value("leader.fleet.unplaced", "a"))
		require.Equal(t, 4.0, c.value("leader.fleet.moves", "a"), "the first handing out")
		require.Zero(t, c.value("leader.fleet.seat.losses", "a"))
		require.EqualValues(t, a.Status().Epoch, c.value("leader.fleet.plan.epoch", "a"))

		b := c.join("b", func(context.Context, string) error { return errors.New("no such table") })
		time.Sleep(2 * time.Minute)
		require.Equal(t, 2.0, parts("a", "working"))
		require.Equal(t, 2.0, parts("b", "failed")+parts("b", "working"))
		require.Greater(t, c.value("leader.fleet.work.failures", "b"), 2.0)
		require.Equal(t, 6.0, c.value("leader.fleet.moves", "a"))
		require.Zero(t, c.value("leader.fleet.coordinates", "b"))
		require.Equal(t, -1.0, c.value("leader.fleet.unplaced", "b"), "the coordinator knows")

		b.Store.Set(leadertest.CutOff)
		time.Sleep(2 * fleet.DefaultLeaseLength)
		require.Zero(t, c.value("leader.fleet.seated", "b"))
		require.Greater(t, c.value("leader.fleet.troubles", "b"), 0.0)
		require.Greater(t, c.value("leader.fleet.plan.age", "b"), 10.0)
		require.Less(t, c.value("leader.fleet.plan.age", "a"), 10.0)
		require.Zero(t, parts("b", "failed")+parts("b", "working"))
		require.NoError(t, b.Leave())
		require.Equal(t, -1.0, c.value("leader.fleet.plan.age", "b"), "it does not run")
	})
}

// A machine that slept for longer than its lease has lost its seat.
func TestFleetMetrics_ALoss(t *testing.T) {
	inFleet(t, func(t *testing.T, c *crew) {
		c.join("a", fleettest.Wait)
		b := c.join("b", fleettest.Wait)
		c.Settle()
		require.Zero(t, c.value("leader.fleet.seat.losses", "b"))
		b.Sleep(2 * fleet.DefaultLeaseLength)
		c.Settle()
		require.Equal(t, 1.0, c.value("leader.fleet.seat.losses", "b"))
		require.Zero(t, c.value("leader.fleet.seat.losses", "a"))
	})
}

func TestFleetMetrics_UnplacedAndUnhealthy(t *testing.T) {
	inFleet(t, func(t *testing.T, c *crew) {
		c.join("a", fleettest.Wait, fleet.WithCapacity(3))
		c.join("b", fleettest.Wait, fleet.WithHealth(func(context.Context) error { return errors.New("disk full") }))
		c.Settle()
		require.Equal(t, 1.0, c.value("leader.fleet.unplaced", "a"))
		require.Zero(t, c.value("leader.fleet.node.healthy", "b"))
	})
}

func TestFleetMetricsReportWhatIsRefused(t *testing.T) {
	for _, what := range append(fleetMetrics(t), "callback") {
		m, err := leaderotel.NewFleet(refusing{what: what})
		require.ErrorIs(t, err, errRefused, what)
		require.ErrorContains(t, err, what)
		require.Nil(t, m)
	}
	_, err := leaderotel.NewFleet(refusing{}, nil)
	require.ErrorContains(t, err, "leaderotel: option 1 of 1 is nil")
}

// fleetMetrics returns the names in the code.
func fleetMetrics(t *testing.T) (names []string) {
	t.Helper()
	code, err := os.ReadFile(filepath.Join("..", "..", "leaderotel", "fleet_instruments.go"))
	require.NoError(t, err)
	for _, found := range regexp.MustCompile(`"(leader\.[a-z.]+)"`).FindAllStringSubmatch(string(code), -1) {
		names = append(names, found[1])
	}
	require.Len(t, names, 12)
	return names
}

// The package comment has every metric, and its alerts name no others.
func TestFleetMetricsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "leaderotel", "doc.go"))
	require.NoError(t, err)
	known := map[string]bool{}
	for _, name := range fleetMetrics(t) {
		require.Regexp(t, `(?m)^//	`+regexp.QuoteMeta(name)+` +(gauge|counter) `, string(doc))
		shown := strings.ReplaceAll(name, ".", "_")
		known[shown], known[shown+"_total"], known[shown+"_seconds"] = true, true, true
	}
	_, fleets, _ := strings.Cut(string(doc), "# Fleets")
	for _, name := range regexp.MustCompile(`leader_fleet_[a-z_]+`).FindAllString(fleets, -1) {
		require.True(t, known[name] || name == "leader_fleet_name" || name == "leader_fleet_part_state", name)
	}
}
