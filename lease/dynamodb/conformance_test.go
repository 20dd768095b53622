package dynamodb

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/scenario"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	table := newTable(t, client)
	leasetest.TestStores(t, func(t testing.TB) func() lease.Store {
		prefix := WithPrefix(rand.Text() + "/")
		return func() lease.Store {
			client, _ := newClient(t)
			return NewStore(client, table, prefix)
		}
	})
}

// TestManager has a client, and so a count, for each place; and R7 from the requests that were really sent.
func TestManager(t *testing.T) {
	t.Parallel()
	owner, _ := newClient(t)
	table := newTable(t, owner)
	leasetest.TestManager(t, leasetest.Harness{
		Age: true,
		// An answer that is older than the lease is long is too old to count from: on a busy machine, one of the emulator's takes seconds.
		Length: 6 * time.Second,
		Open: func(t testing.TB) leasetest.Place {
			client, counter := newClient(t)
			prefix := rand.Text() + "/"
			return leasetest.Place{
				Manager:  func() lease.Manager { return New(client, table, WithPrefix(prefix), WithAge()) },
				Store:    NewStore(owner, table, WithPrefix(prefix), WithAge()),
				Delete:   func(ctx context.Context, name string) error { return deleteItem(ctx, owner, table, prefix+name) },
				Requests: counter.Counts,
				Slow: func(answered func() error) lease.Manager {
					client, counter := newClient(t)
					counter.Answered = answered
					return New(client, table, WithPrefix(prefix), WithAge())
				},
			}
		},
	})
}

// A share of a table that is larger than a page, a megabyte, and full of other things.
func TestListOfAShare(t *testing.T) {
	t.Parallel()
	client, counter := newClient(t)
	table := newTable(t, client)
	stores := map[string]*Store{
		"a/": NewStore(client, table, WithPrefix("a/")), "b/": NewStore(client, table, WithPrefix("b/")), "": NewStore(client, table),
	}
	for prefix, names := range map[string][]string{"a/": {"1", "2", "21", "é", "ê"}, "b/": {"2"}, "": {"c", "ê"}} {
		for _, name := range names {
			_, err := stores[prefix].Swap(soon(t), name, "", []byte(name))
			require.NoError(t, err)
		}
	}
	for _, key := range []string{"a/\x7f", "a/broken", "x", "y", "z"} { // the first is no name of a lease
		item := keyOf(key)
		if len(key) == 1 {
			item["large"] = text(strings.Repeat(key, 390<<10))
		}
		putItem(t, client, table, item)
	}

	for _, test := range []struct {
		store, prefix string
		want          []string // what cannot be read is marked
	}{
		{"a/", "", []string{"1", "2", "21", "é", "ê", "broken!"}},
		{"a/", "2", []string{"2", "21"}},
		{"a/", "\xc3", []string{"é", "ê"}}, // the byte that both begin with
		{"a/", "b", []string{"broken!"}},
		{"b/", "", []string{"2"}},
		{"b/", "3", nil},
		{"", "", []string{"a/1", "a/2", "a/21", "a/é", "a/ê", "a/broken!", "b/2", "c", "ê", "x!", "y!", "z!"}},
	} {
		before, _ := counter.Counts()
		var got []string
		for cell, err := range stores[test.store].List(soon(t), test.prefix) {
			require.NoError(t, err)
			if cell.Err != nil {
				require.ErrorIs(t, cell.Err, lease.ErrRecord)
				cell.Name += "!"
			}
			got = append(got, cell.Name)
		}
		assert.ElementsMatch(t, test.want, got, "%q below %q", test.prefix, test.store)
		after, _ := counter.Counts()
		assert.GreaterOrEqual(t, after-before, 2, "pages")
	}
}

// recorder shows what a store asks for. The emulator is consistent whatever it is asked, and lets an empty prefix pass,
// which the service refuses for a key.
type recorder struct {
	API
	gets  []*sdk.GetItemInput
	scans []*sdk.ScanInput
}

func (r *recorder) GetItem(ctx context.Context, in *sdk.GetItemInput, opts ...func(*sdk.Options)) (*sdk.GetItemOutput, error) {
	r.gets = append(r.gets, in)
	return r.API.GetItem(ctx, in, opts...)
}

func (r *recorder) Scan(ctx context.Context, in *sdk.ScanInput, opts ...func(*sdk.Options)) (*sdk.ScanOutput, error) {
	r.scans = append(r.scans, in)
	return r.API.Scan(ctx, in, opts...)
}

func TestReadsAreConsistent(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	r := &recorder{API: client}
	s := NewStore(r, newTable(t, client))
	_, err := s.Load(soon(t), "a")
	require.NoError(t, err)
	for _, prefix := range []string{"", "a"} {
		for _, err := range s.List(soon(t), prefix) {
			require.NoError(t, err)
		}
	}
	require.Len(t, r.gets, 1)
	require.Len(t, r.scans, 2)
	assert.True(t, *r.gets[0].ConsistentRead)
	assert.True(t, *r.scans[0].ConsistentRead)
	assert.True(t, *r.scans[1].ConsistentRead)
	assert.Nil(t, r.scans[0].FilterExpression)
	assert.NotNil(t, r.scans[1].FilterExpression)
}

// testScenario cuts a leader off by having its connections refused, and those that it has closed.
func testScenario(t *testing.T) {
	client, _ := newClient(t)
	table := newTable(t, client)
	scenario.Run(t, scenario.Place{
		Connect: func(t testing.TB) (lease.Manager, func()) {
			p, through := proxied(t)
			own, _ := newClient(t, through)
			return New(own, table, WithAge()), p.Refuse
		},
		Token: func(t testing.TB, name string) uint64 {
			data, _ := textOf(getItem(t, client, table, name)[dataAttribute])
			var record struct{ Token uint64 }
			require.NoError(t, json.Unmarshal([]byte(data), &record))
			return record.Token
		},
		Age: true,
	})
}
