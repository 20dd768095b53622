package oteltest

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease/memory"
)

// Every metric and every label of the dashboard and of the alerts is one that Prometheus gets from a node that has led, has lost its
// lease and has stood by; and the dashboard shows every metric.
func TestDashboardAndAlertsNameWhatThereIs(t *testing.T) {
	t.Parallel()
	there, labels := seen(scrapeOfALife(t))
	dashboard, alerts := expressionsOfTheDashboard(t), expressionsOfTheAlerts(t)
	require.Greater(t, len(dashboard), 10)
	require.Greater(t, len(alerts), 5)
	shown := map[string]bool{}
	for _, expr := range append(dashboard, alerts...) {
		require.Equal(t, strings.Count(expr, "("), strings.Count(expr, ")"), expr)
		metrics, of := namesOf(expr)
		require.NotEmpty(t, metrics, expr)
		for _, name := range metrics {
			assert.True(t, there[name], "%s: there is no metric %s", expr, name)
		}
		for _, name := range of {
			assert.True(t, labels[name], "%s: no metric has the label %s", expr, name)
		}
	}
	for _, expr := range dashboard {
		metrics, _ := namesOf(expr)
		for _, name := range metrics {
			shown[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] = true
		}
	}
	for name := range there {
		if base := regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, ""); strings.HasPrefix(name, "leader_") {
			assert.True(t, shown[base], "the dashboard does not show %s", base)
		}
	}
}

// Each alert leads to a section of the runbook.
func TestAlertsHaveARunbook(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	require.NoError(t, err)
	for _, rule := range rules(t) {
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		assert.Contains(t, string(page), "`"+rule.Alert+"`", "docs/operating.md says when it fires")
		_, anchor, found := strings.Cut(rule.Annotations["runbook_url"], "docs/operating.md#")
		require.True(t, found, rule.Alert)
		heading := strings.ReplaceAll(anchor, "-", "[ -]")
		assert.Regexp(t, `(?mi)^#+ `+heading+`$`, string(page), rule.Alert)
	}
}

// Two stores may have leases of one name: no rule and no panel adds them up.
func TestSumsAreByStore(t *testing.T) {
	t.Parallel()
	sums := 0
	for _, expr := range append(expressionsOfTheDashboard(t), expressionsOfTheAlerts(t)...) {
		groups := grouping.FindAllStringSubmatch(expr, -1)
		require.Len(t, groups, len(aggregation.FindAllString(expr, -1)), "%s: one of them adds all leases up", expr)
		for _, list := range groups {
			sums++
			labels := strings.Split(list[1], ", ")
			assert.Contains(t, labels, "leader_lease_name", expr)
			assert.Contains(t, labels, "leader_store_name", expr)
		}
	}
	require.Greater(t, sums, 20)
}

// Each panel shows the stores and the leases that are chosen, and no others.
func TestPanelsShowWhatIsChosen(t *testing.T) {
	t.Parallel()
	found := 0
	for _, expr := range expressionsOfTheDashboard(t) {
		if query.MatchString(expr) {
			continue
		}
		metrics, _ := namesOf(expr)
		chosen := strings.Count(expr, `{leader_store_name=~"$store",leader_lease_name=~"$lease"}`)
		require.Equal(t, len(metrics), chosen, expr)
		found++
	}
	require.Greater(t, found, 10)
}

// A quantile is compared with a bound of a bucket: between two bounds it is an estimate, and may be twice what all requests took.
func TestQuantilesAreComparedWithBounds(t *testing.T) {
	t.Parallel()
	families := scrapeOfALife(t)
	found := 0
	for _, expr := range expressionsOfTheAlerts(t) {
		compared := regexp.MustCompile(`^histogram_quantile\(.*\b(\w+)_bucket.*[<>] ([0-9.]+)$`).FindStringSubmatch(expr)
		require.Equal(t, strings.Contains(expr, "histogram_quantile"), compared != nil, expr)
		if compared == nil {
			continue
		}
		found++
		number, err := strconv.ParseFloat(compared[2], 64)
		require.NoError(t, err)
		var bounds []float64
		for _, bucket := range families[compared[1]].GetMetric()[0].GetHistogram().GetBucket() {
			bounds = append(bounds, bucket.GetUpperBound())
		}
		assert.Contains(t, bounds, number, expr)
	}
	require.Equal(t, 1, found)
}

// An alert on metrics that have gone fires for a day or longer: nobody else tells who comes later.
func TestAlertsOnWhatHasGoneLast(t *testing.T) {
	t.Parallel()
	found := 0
	for _, expr := range expressionsOfTheAlerts(t) {
		if before, _, gone := strings.Cut(expr, " unless "); gone {
			found++
			assert.Regexp(t, `present_over_time\(\w+\[[1-9]d\]\)`, before)
			assert.NotContains(t, expr, "offset")
		}
	}
	require.Equal(t, 1, found)
}

// scrapeOfALife returns what Prometheus gets of a node that leads, cannot renew, loses its lease, and leads again.
func scrapeOfALife(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	metrics, _, url := exported(t)
	defer func() { require.NoError(t, metrics.Close()) }()
	manager := &faulty{Manager: memory.New()}
	l := leader.New(
		leader.WithObserver(metrics.Observe), leader.WithLeaseManager(manager), leader.WithLeaseName(name), leader.WithNodeID("a"),
		leader.WithLeaseLength(time.Second), leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }),
	)
	metrics.Watch(l)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()
	var families map[string]*dto.MetricFamily
	until := func(what string, happened func() bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			families = parse(t, url)
			return happened()
		}, time.Minute, 20*time.Millisecond, what)
	}
	total := func(name string) (sum float64) {
		for _, m := range families[name].GetMetric() {
			sum += m.GetCounter().GetValue()
		}
		return sum
	}
	until("it leads", func() bool { return total("leader_terms_total") == 1 })
	manager.set(errDown, 0)
	until("it loses its lease", func() bool {
		return total("leader_term_losses_total") == 1 && total("leader_request_failures_total") > 0
	})
	manager.set(nil, 0)
	until("it leads again", func() bool { return total("leader_terms_total") >= 2 && families["leader_renewal_age_seconds"] != nil })
	return families
}

// seen returns the names of samples, as queries use them, and of labels.
func seen(families map[string]*dto.MetricFamily) (samples, labels map[string]bool) {
	samples, labels = map[string]bool{}, map[string]bool{"le": true}
	for name, family := range families {
		names := []string{name}
		if family.GetType() == dto.MetricType_HISTOGRAM {
			names = []string{name + "_bucket", name + "_count", name + "_sum"}
		}
		for _, n := range names {
			samples[n] = true
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				labels[label.GetName()] = true
			}
		}
	}
	return samples, labels
}

var (
	aggregation = regexp.MustCompile(`\b(?:sum|max|min|avg|count|group|stddev|stdvar|topk|bottomk|quantile)\b`)
	grouping    = regexp.MustCompile(`\b(?:by|on|ignoring|without) \(([\w, ]*)\)`)
	matchers    = regexp.MustCompile(`\{([^}]*)\}`)
	matcher     = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	word        = regexp.MustCompile(`\b[a-z_]\w*\b`)
	spans       = regexp.MustCompile(`\[[^\]]*\]|\boffset \w+`)
	query       = regexp.MustCompile(`^label_values\((\w+)(\{[^}]*\})?, (\w+)\)$`)
)

// namesOf returns the metrics and the labels that an expression of PromQL names.
func namesOf(expr string) (metrics, labels []string) {
	if values := query.FindStringSubmatch(expr); values != nil {
		for _, m := range matcher.FindAllStringSubmatch(values[2], -1) {
			labels = append(labels, m[1])
		}
		return values[1:2], append(labels, values[3])
	}
	for _, list := range grouping.FindAllStringSubmatch(expr, -1) {
		labels = append(labels, strings.Split(list[1], ", ")...)
	}
	for _, list := range matchers.FindAllStringSubmatch(expr, -1) {
		for _, m := range matcher.FindAllStringSubmatch(list[1], -1) {
			labels = append(labels, m[1])
		}
	}
	rest := expr
	for _, known := range []*regexp.Regexp{grouping, matchers, spans} {
		rest = known.ReplaceAllString(rest, " ")
	}
	known := map[string]bool{"sum": true, "count": true, "rate": true, "increase": true, "histogram_quantile": true, "unless": true, "or": true, "max": true, "min_over_time": true, "present_over_time": true}
	for _, w := range word.FindAllString(rest, -1) {
		if !known[w] {
			metrics = append(metrics, w)
		}
	}
	return metrics, labels
}

func TestNamesOf(t *testing.T) {
	t.Parallel()
	metrics, labels := namesOf(`sum by (a, le) (rate(m_total{b=~"$x",c!="d"}[5m])) / on (e) n offset 15m unless o`)
	require.Equal(t, []string{"m_total", "n", "o"}, metrics)
	require.Equal(t, []string{"a", "le", "e", "b", "c"}, labels)
	metrics, labels = namesOf("label_values(m, a)")
	require.Equal(t, []string{"m"}, metrics)
	require.Equal(t, []string{"a"}, labels)
	metrics, labels = namesOf(`label_values(m{b=~"$c"}, a)`)
	require.Equal(t, []string{"m"}, metrics)
	require.Equal(t, []string{"b", "a"}, labels)
}

func expressionsOfTheDashboard(t *testing.T) (exprs []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating", "dashboard.json"))
	require.NoError(t, err)
	var dashboard struct {
		Templating struct {
			List []struct{ Definition string }
		}
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	for _, variable := range dashboard.Templating.List {
		if variable.Definition != "" {
			exprs = append(exprs, variable.Definition)
		}
	}
	for _, panel := range dashboard.Panels {
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			exprs = append(exprs, target.Expr)
			_, labels := namesOf(target.Expr)
			for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if aggregation.MatchString(target.Expr) {
					require.Contains(t, labels, label[1], "%s: its legend needs the label", panel.Title)
				}
			}
		}
	}
	return exprs
}

type rule struct {
	Alert       string
	Expr        string
	Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating", "alerts.yaml"))
	require.NoError(t, err)
	var file struct {
		Groups []struct{ Rules []rule }
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func expressionsOfTheAlerts(t *testing.T) (exprs []string) {
	t.Helper()
	for _, rule := range rules(t) {
		exprs = append(exprs, rule.Expr)
	}
	return exprs
}
