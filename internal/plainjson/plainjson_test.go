package plainjson_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/plainjson"
)

func TestMarshal(t *testing.T) {
	t.Parallel()
	value := map[string]any{"text": "<a&b>\n", "raw": json.RawMessage(`{"b": "<1>"}`)}
	data, err := plainjson.Marshal(value)
	require.NoError(t, err)
	require.Equal(t, `{"raw":{"b":"<1>"},"text":"<a&b>\n"}`, string(data))
	data, err = plainjson.Marshal(math.NaN())
	require.Error(t, err)
	require.Nil(t, data)
}
