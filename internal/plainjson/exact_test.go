package plainjson_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/plainjson"
)

type inner struct {
	Clock time.Duration `json:"clock,omitzero"`
}

type outer struct {
	Format int    `json:"format"`
	Text   string `json:"text"`
	inner
}

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]outer{
		`{}`: {},
		` { "format" : 1 , "text" : "a,}\"" , "clock":7 } `: {1, `a,}"`, inner{7}},
		`{"Format":2,"format":1,"TEXT":"b","text":"a"}`:     {1, "a", inner{}},
		`{"format":1,"Clock":9}`:                            {1, "", inner{}},
		`{"f\u006frmat":1}`:                                 {1, "", inner{}},
		`{"format":1,"x":{"format":2},"x":[],"y":null}`:     {1, "", inner{}},
		`{"format":1,"inner":{"clock":9}}`:                  {1, "", inner{}},
		`{"format":1,"text":null}`:                          {1, "", inner{}},
	} {
		var got outer
		require.NoError(t, plainjson.Unmarshal([]byte(text), &got), text)
		assert.Equal(t, want, got, text)
	}
	for text, says := range map[string]string{
		"": "unexpected end", "{": "unexpected end", `{"format":1} {}`: "after top-level value", "null": "not an object", "[]": "not an object", "1": "not an object",
		`{"format":"1"}`: "cannot unmarshal", `{"format":1,"format":1}`: "its format stands in it twice", `{"clock":9,"cl\u006fck":1}`: "its clock stands in it twice",
	} {
		assert.ErrorContains(t, plainjson.Unmarshal([]byte(text), new(outer)), says, text)
	}
}

// FuzzUnmarshal: what has an exact name once is read as json.Unmarshal reads it into a map, and nothing else is read.
func FuzzUnmarshal(f *testing.F) {
	for _, text := range []string{`{}`, `{"format":1,"text":"a","clock":3}`, `{"Format":1}`, `{"text":"\\\"","x":[{"text":"}"}]}`, `{"\"":1,"text":"a"}`, "\t{\n\"text\"\r: null }"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got outer
		if plainjson.Unmarshal([]byte(text), &got) != nil {
			return
		}
		var all map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &all))
		var want outer
		for name, into := range map[string]any{"format": &want.Format, "text": &want.Text, "clock": &want.Clock} {
			if value, found := all[name]; found {
				require.NoError(t, json.Unmarshal(value, into))
			}
		}
		require.Equal(t, want, got)
	})
}
