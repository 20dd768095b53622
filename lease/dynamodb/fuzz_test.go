package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

const aRecord = `{"format":1,"token":7,"id":"x","holder":"w","length":"15s","nonce":"n","released":true}`

// told is a table that says what a test tells it, below the real SDK: none can be made to say such things.
type told struct {
	answer string
	date   string
	took   time.Duration
	puts   int
}

func (f *told) Do(r *http.Request) (*http.Response, error) {
	answer := f.answer
	if kindOf(r) == wire.Write {
		f.puts++
		answer = noItem
		var in struct{ ExpressionAttributeValues map[string]json.RawMessage }
		_ = json.NewDecoder(r.Body).Decode(&in)
		if old := in.ExpressionAttributeValues[":old"]; old != nil {
			answer = anItem("Attributes", `{"lease":{"S":"a"},"version":`+string(old)+`}`)
		}
	}
	_, _ = io.Copy(io.Discard, r.Body)
	time.Sleep(f.took)
	header := headerOf(answer)
	header["Date"] = []string{f.date}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

func (f *told) store(opts ...Option) *Store {
	return NewStore(sdk.New(sdk.Options{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: f, RetryMaxAttempts: 1,
	}), "leases", opts...)
}

// FuzzAnswer: whatever a GetItem is answered, it is an error, no item, or a cell with a version; and only what the
// manager can read as a record, and is nobody's, is replaced.
func FuzzAnswer(f *testing.F) {
	item := func(attributes string) string { return anItem("Item", `{"lease":{"S":"a"},`+attributes+`}`) }
	quoted, _ := json.Marshal(aRecord)
	for _, answer := range []string{
		"", "{}", "null", "[]", `{"Item":null}`, `{"Item":{}}`, `{"Item":[]}`, noItem, item(`"data":{"S":"x"}`),
		anItem("Item", `{"lease":{"S":"b"},"data":{"S":"x"},"version":{"S":"v"}}`),
		item(`"data":{"S":` + string(quoted) + `},"version":{"S":"v"},"written":{"S":"2025-03-01T23:59:58.5Z"}`),
		item(`"data":{"S":` + string(quoted) + `},"version":{"S":"v"},"written":{"N":"7"}`),
		item(`"data":{"S":` + string(quoted) + `},"version":{"S":""}`), item(`"data":{"S":"{"},"version":{"S":"v"}`),
		item(`"data":{"B":"eA=="},"version":{"S":"v"}`), item(`"data":{"S":"x","N":"7"},"version":{"NULL":true}`),
		item(`"data":{"?":"x"},"version":{"S":null}`), item(`"data":null,"version":null`), item(`"data":{"S":"\ud800"},"version":{"S":"v"}`),
		item(`"data":{"S":` + strings.Replace(string(quoted), `\"format\":1`, `\"format\":3`, 1) + `},"version":{"S":"v"}`),
	} {
		f.Add(answer, "Sat, 01 Mar 2025 23:59:58 GMT")
	}
	f.Add("{}", "soon")
	f.Fuzz(func(t *testing.T, answer, date string) {
		table := &told{answer: answer, date: date}
		s := table.store()
		found, err := s.Load(t.Context(), "a")
		if err != nil {
			require.Zero(t, found)
		}
		m := lease.NewManager(s)
		info, unreadable := lease.Inspect(t.Context(), m, "a")
		_, acquired := m.Acquire(t.Context(), lease.Request{Name: "a", Holder: "h", Length: time.Minute})
		require.Equal(t, acquired == nil, table.puts > 0, "%v", acquired)
		if unreadable != nil {
			require.Error(t, acquired)
			require.Equal(t, errors.Is(unreadable, lease.ErrRecord), errors.Is(acquired, lease.ErrRecord), "%v, %v", unreadable, acquired)
		} else {
			require.NoError(t, err)
			require.Contains(t, answer, "leases", "it does not name the table")
			require.Equal(t, acquired == nil, info.State != lease.Held && info.Token+1 != 0, "%v", acquired)
		}
	})
}

// valueOf makes an attribute's value of each type there is.
func valueOf(kind uint8, s string) types.AttributeValue {
	switch kind % 8 {
	case 1:
		return &types.AttributeValueMemberN{Value: s}
	case 2:
		return &types.AttributeValueMemberB{Value: []byte(s)}
	case 3:
		return &types.AttributeValueMemberNULL{Value: true}
	case 4:
		return &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"S": text(s)}}
	case 5:
		return &types.AttributeValueMemberSS{Value: []string{s}}
	case 6:
		return &types.UnknownUnionMember{Tag: "S", Value: []byte(s)}
	case 7:
		return nil
	}
	return text(s)
}

// FuzzItem: an item is a cell if its data and its version are text, and else an ErrRecord; and its age is never more than
// what the date of the answer and the bound that the writer left prove.
func FuzzItem(f *testing.F) {
	for kind := range uint8(8) {
		f.Add(kind, "x", uint8(0), "v", uint8(0), "2025-03-01T23:59:58.5Z", int64(1740873600))
		f.Add(uint8(0), "x", kind, "v", kind, "2025-03-01T23:59:58.5+14:00", int64(1740873600))
	}
	f.Add(uint8(0), "", uint8(0), "", uint8(0), "0000-01-01T00:00:00Z", int64(1<<62))
	f.Add(uint8(0), "\xff", uint8(0), "v", uint8(0), "9999-12-31T23:59:59.999999999-23:59", int64(-1<<62))
	f.Add(uint8(0), "x", uint8(0), "v", uint8(0), "0000-01-01T00:00:00+23:59", int64(253402300799))
	f.Add(uint8(0), "x", uint8(0), "v", uint8(0), "10000-01-01T00:00:00Z", int64(-62135596800))
	f.Fuzz(func(t *testing.T, dataKind uint8, data string, versionKind uint8, version string, writtenKind uint8, written string, at int64) {
		date := time.Unix(at%(1<<40), 0)
		got, err := NewStore(nil, "leases", WithAge()).snapshot("a", item{
			"data": valueOf(dataKind, data), "version": valueOf(versionKind, version), "written": valueOf(writtenKind, written),
		}, date)
		if dataKind%8 != 0 || versionKind%8 != 0 || version == "" {
			require.ErrorIs(t, err, lease.ErrRecord)
			require.Zero(t, got)
			return
		}
		require.NoError(t, err)
		require.Equal(t, data, string(got.Data))
		require.Equal(t, lease.Version(version), got.Version)
		require.GreaterOrEqual(t, got.Age, time.Duration(0))
		if got.Age > 0 {
			require.Zero(t, writtenKind%8)
			bound, err := time.Parse(time.RFC3339Nano, written)
			require.NoError(t, err)
			require.False(t, got.Age > 1 && date.Before(bound.Add(got.Age+3*time.Second)), "%v is more than from %v to %v", got.Age, bound, date)
		}
	})
}

// scan is a table that has two items, and shows them all, whatever is asked: so it is the store's to pass over what is
// not to be listed. What it was asked for must be no less.
type scan struct {
	API
	keys  []string
	asked *sdk.ScanInput
}

func (s *scan) Scan(_ context.Context, in *sdk.ScanInput, _ ...func(*sdk.Options)) (*sdk.ScanOutput, error) {
	s.asked = in
	out := &sdk.ScanOutput{ConsumedCapacity: &types.ConsumedCapacity{TableName: in.TableName}, Items: []map[string]types.AttributeValue{{"pk": text("no lease")}, {"lease": &types.AttributeValueMemberN{Value: "7"}}}}
	for _, key := range s.keys {
		out.Items = append(out.Items, item{"lease": text(key), "data": text("x"), "version": text("v")})
	}
	return out, nil
}

// FuzzKeys: each name has a separate key, which begins with the prefix and leads back to the name. A list asks for, and shows,
// only the names of this prefix that begin with the given text.
func FuzzKeys(f *testing.F) {
	f.Add("orders", "Orders", "", "o")
	f.Add("a/b", "a", "team-a/", "a/")
	f.Add("é", "e\u0301", "é", "\xc3")
	f.Add("a", "b", "\xff", "")
	f.Add("", "\x00", "p", "")
	f.Add(strings.Repeat("日", 85), "x", strings.Repeat("p", 1793), "日\xe6")
	f.Add("x", "y", strings.Repeat("p", 1794), "")
	f.Fuzz(func(t *testing.T, a, b, prefix, begin string) {
		table := &scan{}
		s := NewStore(table, "leases", WithPrefix(prefix))
		want, begins := map[string]bool{}, false
		for _, name := range []string{a, b} {
			key, err := s.key(name)
			switch {
			case lease.CheckName(name) != nil:
				require.ErrorIs(t, err, lease.ErrInvalid)
				table.keys = append(table.keys, prefix+name) // somebody else's
			case !utf8.ValidString(prefix) || len(prefix+name) > 2048:
				require.ErrorIs(t, err, lease.ErrMisconfigured)
				return
			default:
				require.NoError(t, err)
				require.Equal(t, prefix+name, key)
				require.True(t, utf8.ValidString(key))
				table.keys = append(table.keys, key)
				want[name] = strings.HasPrefix(name, begin)
			}
		}
		got := map[string]bool{}
		for c, err := range s.List(t.Context(), begin) {
			require.NoError(t, err)
			require.NoError(t, c.Err)
			got[c.Name] = true
		}
		for name, listed := range want {
			require.Equal(t, listed, got[name], name)
			begins = begins || listed
		}
		if asked, ok := textOf(table.asked.ExpressionAttributeValues[":begin"]); ok && begins {
			require.Equal(t, prefix+begin, asked)
			require.True(t, utf8.ValidString(asked), "the service refuses it")
		}
		for name := range got {
			require.Contains(t, want, name, "it is no lease's")
		}
	})
}

// FuzzTable: whatever a table is said to be, CreateTable returns, and nil only of one that leases can be kept in.
func FuzzTable(f *testing.F) {
	for _, answer := range []string{
		"", "{}", "null", `{"Table":null}`, `{"Table":{}}`, `{"Table":{"TableStatus":"CREATING"}}`, `{"Table":{"TableStatus":"ACTIVE"}}`,
		`{"Table":{"TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"lease","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"lease","AttributeType":"S"}]}}`,
		`{"Table":{"TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"lease"}],"AttributeDefinitions":[{"AttributeName":"lease","AttributeType":"N"}]}}`,
		`{"Table":{"TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"lease"},{"AttributeName":"range"}],"AttributeDefinitions":[null]}}`,
		`{"Table":{"TableStatus":"ACTIVE","KeySchema":[null],"AttributeDefinitions":[{}]}}`,
	} {
		f.Add(answer)
		f.Add(strings.Replace(answer, `{"Table":{`, `{"Table":{"TableName":"leases",`, 1))
	}
	f.Fuzz(func(t *testing.T, answer string) {
		synctest.Test(t, func(t *testing.T) { // CreateTable waits for a table that is being made
			table := &told{answer: answer, took: time.Millisecond} // the SDK's waiter counts on the time that an answer takes
			err := CreateTable(t.Context(), table.store().client.(*sdk.Client), "leases")
			if err == nil {
				require.Contains(t, answer, "lease")
				require.Regexp(t, "ACTIVE|UPDATING", strings.ToUpper(answer))
				require.Contains(t, answer, "leases", "it is another table")
			}
		})
	})
}

// What FuzzTable found: an answer without a table, a proxy's say, made CreateTable panic.
func TestCreateTableOfAnAnswerWithoutTable(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"{}", `{"Table":null}`} {
		err := CreateTable(t.Context(), (&told{answer: answer}).store().client.(*sdk.Client), "leases")
		require.ErrorContains(t, err, "it does not describe this table")
	}
}
