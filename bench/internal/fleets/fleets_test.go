package fleets

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// result has a fleet that sends what it may in two minutes, on DynamoDB and Azure.
func result() Result {
	return Result{
		Wires: []Wire{
			{Name: "leader on DynamoDB", Service: "dynamodb", Window: 120, Writes: 21 * 24, Reads: 52 * 24, Width: 32, PlanBytes: 2400},
			{Name: "leader on GCS", Service: "gcs", Window: 120, Writes: 21 * 24, Reads: 64 * 24, Width: 32, PlanBytes: 2400},
			{Name: "leader on Azure Blob", Service: "azure", Window: 120, Writes: 21 * 24, Reads: 52 * 24, Width: 32, PlanBytes: 2400},
		},
		Figures: []Figure{
			{What: "20 nodes with 1,000 parts: writes", Unit: anHour, Of: 1, Median: 15_120, P99: 15_120, Longest: 15_120},
			{What: "crash of a node", Unit: seconds, Of: 100, Median: 15, P99: 22.5, Longest: 24},
			{What: "rolling restart, in place", Unit: "moves a part", Of: 1, Median: 1.2, P99: 1.2, Longest: 1.2},
			{What: "200 nodes that start at once: to balance", Unit: "intervals", Of: 1, Median: 10.3, P99: 10.3, Longest: 10.3},
		},
	}
}

func TestSection(t *testing.T) {
	s, err := result().Section()
	require.NoError(t, err)
	assert.Equal(t, "20 nodes divide 1,000 parts with 15,120 writes and 37,440 reads an hour, where a lease for each part takes 720,000 writes.", s.Key)
	for _, line := range []string{
		"| leader on DynamoDB | 15,120 | 15,120 | 37,440 | 37,440 | 32 | met |",
		"| leader on GCS | 15,120 | 15,120 | 46,080 | 46,080 | 32 | met |",
		"| a fleet of leader on DynamoDB | 15,120 | 37,440 | measured | $10.97 |",
		"| a lease for each part, leader on DynamoDB | 720,000 | 0 | computed | $328.50 |",
		"| Kinesis Client Library 3 | 723,618 | 0 | computed | $330.15 |",
		"| Azure Event Hubs processors | 685,714 | 13,714 | computed | $224.66 |",
		"| crash of a node | 15 | 22.5 | 24 | 1 | 1.5 | 100 |",
		"| rolling restart, in place | 1.2 | moves a part | at most 1.2: met |",
		"| 200 nodes that start at once: to balance | 10.3 | intervals | at most 10: **missed** |",
		"In virtual time, of a whole hour: 20 nodes with 1,000 parts: writes: 15,120.",
	} {
		assert.Contains(t, s.Text, line)
	}
	_, err = Result{}.Section()
	assert.ErrorContains(t, err, "no service was measured")
}

// One request more in each interval, of any kind, is too much.
func TestTooManyRequests(t *testing.T) {
	for name, more := range map[string]func(*Wire){
		"writes": func(w *Wire) { w.Writes += 24 }, "reads": func(w *Wire) { w.Reads += 24 }, "others": func(w *Wire) { w.Others += 24 },
	} {
		r := result()
		more(&r.Wires[0])
		s, err := r.Section()
		require.NoError(t, err)
		assert.Contains(t, s.Text, "| 32 | **missed** |", name)
	}
}

func TestFigures(t *testing.T) {
	all, err := figures([]byte(`{"Action":"output","Output":"=== ATTR  TestTimes figure {}"}
{"Action":"attr","Test":"TestTimes","Key":"figure","Value":"{\"what\":\"crash\",\"unit\":\"s\",\"of\":3,\"median\":1.5,\"p99\":2,\"longest\":2}"}
{"Action":"attr","Test":"TestTimes","Key":"other","Value":"{}"}
# a package that does not compile
`))
	require.NoError(t, err)
	require.Equal(t, []Figure{{"crash", "s", 3, 1.5, 2, 2}}, all)
	_, err = figures([]byte(`{"Action":"attr","Key":"figure","Value":"1"}`))
	require.Error(t, err)
}
