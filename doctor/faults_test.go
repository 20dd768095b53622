package doctor

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/emulator"
)

const deniedXML = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`

// Each permission on its own.
func TestDoctorIsDenied(t *testing.T) {
	t.Parallel()
	isList := func(r *http.Request) bool { return r.URL.Query().Has("list-type") }
	target := func(op string) func(*http.Request) bool {
		return func(r *http.Request) bool { return strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+op) }
	}
	const deniedJSON = `{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"not authorized"}`
	tests := []struct {
		name    string
		service emulator.Service
		which   func(*http.Request) bool
		answer  string
		check   string // list: a warning
		says    string
		also    []string
	}{
		{"S3 read", emulator.S3, func(r *http.Request) bool { return r.Method == http.MethodGet && !isList(r) }, deniedXML, "read", "allow s3:GetObject", nil},
		{"S3 create", emulator.S3, func(r *http.Request) bool { return r.Method == http.MethodPut }, deniedXML, "create", "allow s3:GetObject and s3:PutObject", nil},
		{"S3 overwrite", emulator.S3, func(r *http.Request) bool { return r.Header.Get("If-Match") != "" }, deniedXML, "create", "allow s3:GetObject and s3:PutObject", []string{"clean"}},
		{"S3 list", emulator.S3, isList, deniedXML, "list", "s3:ListBucket", nil},
		{"DynamoDB read", emulator.DynamoDB, target("GetItem"), deniedJSON, "read", "allow dynamodb:GetItem", nil},
		{"DynamoDB write", emulator.DynamoDB, target("PutItem"), deniedJSON, "create", "allow dynamodb:PutItem", nil},
		{"DynamoDB list", emulator.DynamoDB, target("Scan"), deniedJSON, "list", "allow dynamodb:Scan", nil},
		{"GCS write", emulator.GCS, func(r *http.Request) bool { return r.Method == http.MethodPost }, `{"error":{"code":403,"message":"denied"}}`, "create", "roles/storage.objectUser", nil},
		{"Azure lease", emulator.Azure, func(r *http.Request) bool { return r.URL.Query().Get("comp") == "lease" }, "", "create", "Storage Blob Data Contributor", nil},
		{"Azure renewal", emulator.Azure, func(r *http.Request) bool { return r.Header.Get("X-Ms-Lease-Action") == "renew" }, "", "renew", "Storage Blob Data Contributor", nil},
	}
	var examined []func(testing.TB) Report
	for _, test := range tests {
		examined = append(examined, begin(t, through(t, newPlace(t, test.service), refusing(test.which, test.answer))))
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := examined[i](t)
			require.Contains(t, r.of(test.check).Detail, test.says)
			if test.check == "list" {
				require.NoError(t, r.Err())
				require.True(t, r.OK)
				require.Equal(t, []string{"list"}, r.all(Warning))
				require.Contains(t, r.of("list").Advice, "only lists of leases and of checkpoints, leaderui and fleet.Reset need it")
				return
			}
			wantFailed(t, r, append([]string{test.check}, test.also...)...)
		})
	}
}

// What doctor is for: a store, or something before it, that passes over conditions.
func TestDoctorFindsThatConditionsArePassedOver(t *testing.T) {
	t.Parallel()
	dynamodbWithout := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		rewritten(r, func(body []byte) []byte {
			var in map[string]any
			if json.Unmarshal(body, &in) != nil || in["Item"] == nil {
				return body
			}
			delete(in, "ConditionExpression")
			delete(in, "ExpressionAttributeNames")
			delete(in, "ExpressionAttributeValues")
			body, _ = json.Marshal(in)
			return body
		})
		pass.ServeHTTP(w, r)
	}
	tests := []struct {
		name      string
		service   emulator.Service
		something something
		checks    []string
	}{
		{"S3", emulator.S3, without("If-Match", "If-None-Match"), []string{"first", "race", "replace", "stale"}},
		{"S3, If-Match", emulator.S3, without("If-Match"), []string{"race", "replace", "stale"}},
		{"S3, If-None-Match", emulator.S3, without("If-None-Match"), []string{"first", "replace"}},
		{"GCS", emulator.GCS, without("ifGenerationMatch"), []string{"first", "race", "replace", "stale"}},
	}
	var examined []func(testing.TB) Report
	for _, test := range tests {
		examined = append(examined, begin(t, through(t, newPlace(t, test.service), meeting(test.something))))
	}
	byItself := begin(t, through(t, newPlace(t, emulator.DynamoDB), dynamodbWithout))
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := examined[i](t)
			wantFailed(t, r, test.checks...)
			for _, check := range test.checks {
				require.Equal(t, unfit, r.of(check).Advice)
			}
		})
	}
	t.Run("DynamoDB, whose store finds it out by itself", func(t *testing.T) {
		r := byItself(t)
		require.ErrorContains(t, r.Err(), "failed: ")
		require.Equal(t, Failed, r.of("create").Result)
		require.Contains(t, r.of("create").Detail, "passes over conditions")
	})
}

// Something before the store, once a lease has been written five times, answers reads with what it has in its cache.
func TestDoctorFindsThatReadsAreOld(t *testing.T) {
	t.Parallel()
	const most = 5
	var mu sync.Mutex
	cached := map[string]*httptest.ResponseRecorder{}
	id, writes := "", 0
	p := through(t, newPlace(t, emulator.S3), func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPut {
			rewritten(r, func(body []byte) []byte {
				of := regexp.MustCompile(`"id":"\w+"`).FindString(string(body))
				if writes++; of != id {
					id, writes = of, 1
				}
				return body
			})
			pass.ServeHTTP(w, r)
			return
		}
		answer := cached[r.URL.Path]
		if answer == nil || writes <= most {
			answer = httptest.NewRecorder()
			pass.ServeHTTP(answer, r)
			cached[r.URL.Path] = answer
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
	r := examine(t, p, func(it *task) { it.Samples = 10 })
	wantFailed(t, r, "fresh", "clock") // that needs the lease, which the cache says is held
	require.Contains(t, r.of("fresh").Detail, "a read did not show the renewal before it, after 4 that did")
	require.Contains(t, r.of("fresh").Advice, "without a cache before it")
}

// dated has the answers come at other times than they do: by what is returned for the nth request.
func dated(ahead func(r *http.Request, n int) time.Duration) something {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		mu.Lock()
		n++
		by := ahead(r, n)
		mu.Unlock()
		pass.ServeHTTP(dateChanger{w, by}, r)
	}
}

// A store whose machines disagree on the time says that what was just written is old.
func TestDoctorFindsThatTheStoresClocksAreWrong(t *testing.T) {
	t.Parallel()
	const ahead = leader.DefaultLeaseLength / 2 // half the length of the lease that is tried, so that nothing else shows
	const behind = settled + 2*time.Second      // more than what is waited for
	always := func(by time.Duration) func(*http.Request, int) time.Duration {
		return func(*http.Request, int) time.Duration { return by }
	}
	some := func(r *http.Request, n int) time.Duration { // one front end of two
		if r.Method == http.MethodGet && n%2 == 0 {
			return ahead
		}
		return 0
	}
	tests := []struct {
		name, query string
		ahead       func(*http.Request, int) time.Duration
		result      Result
		says        string
		tells       bool
	}{
		{"all are fast", "?age=true", always(ahead), Failed, "age is on, and rests on the Date of an answer and the Last-Modified", true},
		{"one of two is", "?age=true", some, Failed, "a record that was written at most", true},
		{"they are fast, and age is off", "", always(ahead), Well, "leave age off: a record that was written at most", false},
		{"they are fast, and age is off by the URL", "?age=false", some, Well, "leave age off", false},
		{"all are slow", "?age=true", always(-behind), Warning, "told none 7s after the write: a clock is behind", true},
		{"all are slow, and age is off", "", always(-behind), Well, "a clock of the store's answers is behind", false},
	}
	var examined []func(testing.TB) Report
	for _, test := range tests {
		p := through(t, newPlace(t, emulator.S3), dated(test.ahead))
		p.url += test.query
		examined = append(examined, begin(t, p))
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := examined[i](t)
			clock := r.of("clock")
			require.Equal(t, test.result, clock.Result, "%+v", r)
			require.Contains(t, clock.Detail, test.says)
			require.Equal(t, test.tells, *r.TellsAge)
			if test.result == Failed {
				wantFailed(t, r, "clock")
				require.Equal(t, clocksAdvice, clock.Advice)
			}
		})
	}
}

// One that is wrong by more than a lease length gives a lease to two.
func TestDoctorFindsThatAWrongClockMakesTwoLeaders(t *testing.T) {
	t.Parallel()
	p := through(t, newPlace(t, emulator.S3), dated(func(*http.Request, int) time.Duration { return time.Hour }))
	p.url += "?age=true"
	r := examine(t, p)
	require.Error(t, r.Err())
	require.Equal(t, Failed, r.of("held").Result, "%+v", r)
	require.Contains(t, r.of("held").Detail, "a second node got a lease that the first held")
	require.Equal(t, Failed, r.of("clock").Result)
}

// dateChanger has each answer come later than it does.
type dateChanger struct {
	http.ResponseWriter
	ahead time.Duration
}

func (w dateChanger) WriteHeader(code int) {
	w.Header().Set("Date", time.Now().Add(w.ahead).UTC().Format(http.TimeFormat))
	w.ResponseWriter.WriteHeader(code)
}

func TestDoctorCannotReachTheStore(t *testing.T) {
	t.Parallel()
	examined := map[emulator.Service]func(testing.TB) Report{}
	for _, service := range emulator.Services {
		proxy := emulator.Proxy(t, service)
		proxy.Refuse()
		examined[service] = begin(t, nowhere(t, service).at(proxy.URL()))
	}
	for service, examined := range examined {
		t.Run(string(service), func(t *testing.T) {
			r := examined(t)
			wantFailed(t, r, "read")
			require.Contains(t, r.of("read").Detail, "connection refused")
			require.Contains(t, r.of("read").Advice, "check the store's URL, its service, the network")
		})
	}
}

func TestDoctorHasWrongCredentials(t *testing.T) {
	t.Parallel()
	p := newPlace(t, emulator.Azure)
	variable, connection := emulator.At(emulator.Azure, emulator.Endpoint(emulator.Azure))
	p.env = []string{variable + "=" + regexp.MustCompile("AccountKey=[^;]*").ReplaceAllString(connection, "AccountKey=d3Jvbmcga2V5")}
	r := examine(t, p)
	wantFailed(t, r, "read")
	require.Regexp(t, "answered 403 (AuthorizationFailure|AuthenticationFailed)", r.of("read").Detail) // Azurite's code, and Azure's
}

// A store whose every write takes longer than a third of the lease.
func TestDoctorFindsThatTheStoreIsSlow(t *testing.T) {
	t.Parallel()
	const took = 50 * time.Millisecond
	p := through(t, newPlace(t, emulator.S3), func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut {
			time.Sleep(took) // that is how slow it is: nothing is waited for
		}
		pass.ServeHTTP(w, r)
	})
	r := examine(t, p, func(it *task) { it.Length = 3 * took })
	wantFailed(t, r, "latency")
	require.GreaterOrEqual(t, r.Renewals.P50, took.Seconds())
	require.Contains(t, r.of("latency").Advice, "use a lease length of 15s")
	require.InDelta(t, 15, r.Suggested, 0)
}
