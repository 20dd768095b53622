package lease_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

func TestNames(t *testing.T) {
	tests := []struct{ name, says string }{
		{"a", ""},
		{strings.Repeat("n", 255), ""},
		{strings.Repeat("é", 127), ""},
		{"orders/eu-west-1 #1?%2F\\..", ""},
		{"注文 \u2028", ""},
		{"", "the name is empty"},
		{strings.Repeat("n", 256), "has 256 bytes, more than 255"},
		{strings.Repeat("é", 128), "has 256 bytes, more than 255"},
		{"a\xffb", "is not UTF-8"},
		{"\xed\xa0\x80", "is not UTF-8"}, // half of a surrogate pair
		{"a\nb", "control character U+000A"},
		{"\x00", "control character U+0000"},
		{"a\x7f", "control character U+007F"},
		{"\u0085", "control character U+0085"},
	}
	for _, test := range tests {
		err := lease.CheckName(test.name)
		inName := lease.Request{Name: test.name, Holder: "w", Length: 1}.Validate(lease.Limits{})
		inHolder := lease.Request{Name: "n", Holder: test.name, Length: 1}.Validate(lease.Limits{})
		if test.says == "" {
			require.NoError(t, err, "%q", test.name)
			require.NoError(t, inName)
			require.NoError(t, inHolder)
			continue
		}
		for _, err := range []error{err, inName, inHolder} {
			require.ErrorIs(t, err, lease.ErrInvalid, "%q", test.name)
			require.ErrorContains(t, err, test.says)
		}
		require.ErrorContains(t, inHolder, "holder: ")
		require.NotContains(t, inName.Error(), "holder")
		require.Less(t, len(err.Error()), 400, "a long name is cut")
	}
}

func TestAttributes(t *testing.T) {
	tests := []struct {
		what       string
		attributes map[string]string
		says       string
	}{
		{"none", nil, ""},
		{"an empty value", map[string]string{"k": ""}, ""},
		{"all there may be", map[string]string{"k": strings.Repeat("v", 1023)}, ""},
		{"one byte more", map[string]string{"k": strings.Repeat("v", 1024)}, "have 1025 bytes, more than 1024"},
		{"keys count", map[string]string{strings.Repeat("k", 1025): ""}, "have 1025 bytes"},
		{"all count", map[string]string{"k": strings.Repeat("v", 600), "l": strings.Repeat("v", 600)}, "have 1202 bytes"},
		{"an empty key", map[string]string{"": "v"}, "an empty key"},
		{"a key that is not UTF-8", map[string]string{"\xff": "v"}, `the attribute key "\xff" is not UTF-8`},
		{"a value that is not UTF-8", map[string]string{"k": "\xff"}, `the value "\xff" of attribute "k" is not UTF-8`},
		{"a control character in a key", map[string]string{"\n": "v"}, "control character U+000A"},
		{"a control character in a value", map[string]string{"k": "\t"}, "control character U+0009"},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			err := lease.Request{Name: "n", Holder: "w", Length: 1, Attributes: test.attributes}.Validate(lease.Limits{})
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, lease.ErrInvalid)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestLengths(t *testing.T) {
	limits := lease.Limits{MinLength: 15 * time.Second, MaxLength: time.Minute, LengthStep: time.Second}
	tests := []struct {
		limits lease.Limits
		length time.Duration
		says   string
	}{
		{lease.Limits{}, 1, ""},
		{lease.Limits{}, 1<<63 - 1, ""},
		{lease.Limits{}, 0, "the lease length 0s is not positive"},
		{lease.Limits{}, -time.Second, "the lease length -1s is not positive"},
		{limits, 15 * time.Second, ""},
		{limits, time.Minute, ""},
		{limits, 15*time.Second - 1, "below this store's minimum of 15s"},
		{limits, time.Minute + 1, "above this store's maximum of 1m0s"},
		{limits, 15*time.Second + 1, "not a multiple of 1s"},
		{limits, 0, "not positive"},
	}
	for _, test := range tests {
		err := lease.Request{Name: "n", Holder: "w", Length: test.length}.Validate(test.limits)
		if test.says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, test.says)
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	err := lease.Request{Attributes: map[string]string{"": "\n", "\xff": strings.Repeat("v", 2000)}}.Validate(lease.Limits{})
	require.ErrorIs(t, err, lease.ErrInvalid)
	require.Equal(t, []string{
		`invalid lease request: the name is empty`,
		`holder: invalid lease request: the name is empty`,
		`invalid lease request: an attribute has an empty key`,
		`invalid lease request: the attribute key "\xff" is not UTF-8`,
		`invalid lease request: the value "\n" of attribute "" has the control character U+000A`,
		`invalid lease request: the attributes have 2002 bytes, more than 1024`,
		`invalid lease request: the lease length 0s is not positive`,
	}, strings.Split(err.Error(), "\n"))
}

func TestALeaseThatWasNeverAcquired(t *testing.T) {
	good := held()
	require.NoError(t, good.Validate(lease.Limits{}))
	for _, spoil := range []func(l *lease.Lease){
		func(l *lease.Lease) { l.ID = "" },
		func(l *lease.Lease) { l.Token = 0 },
		func(l *lease.Lease) { l.Version = "" },
	} {
		l := good
		spoil(&l)
		err := l.Validate(lease.Limits{})
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, "was never acquired")
	}
	err := lease.Lease{}.Validate(lease.Limits{})
	require.ErrorContains(t, err, "was never acquired")
	require.ErrorContains(t, err, "the name is empty")
	require.ErrorContains(t, err, "is not positive")
}

// limited is a store with limits, which a manager made of it has, too.
type limited struct{ lease.Store }

func (limited) Limits() lease.Limits { return lease.Limits{MinLength: 15 * time.Second} }

func TestAManagerKeepsItsStoresLimits(t *testing.T) {
	f := &faulty{}
	m := lease.NewManager(limited{f})
	ctx := context.Background()
	_, err := m.Acquire(ctx, lease.Request{Name: name, Holder: "w", Length: length})
	require.ErrorIs(t, err, lease.ErrInvalid)
	require.ErrorContains(t, err, "below this store's minimum of 15s")
	_, err = m.Renew(ctx, held())
	require.ErrorIs(t, err, lease.ErrInvalid)
	require.ErrorIs(t, m.Release(ctx, held()), lease.ErrInvalid)
	require.Equal(t, "0 loads, 0 swaps", f.sent())
}

// An error says which of the two it is.
func TestCheckCell(t *testing.T) {
	for data, says := range map[string]string{
		"":                                   "",
		strings.Repeat("x", lease.MaxCell):   "",
		strings.Repeat("x", lease.MaxCell+1): "invalid lease request: a cell holds at most 65536 bytes, and this has 65537",
		"a\xffb":                             "invalid lease request: a cell holds UTF-8 text, and this is not UTF-8",
		"\xff" + strings.Repeat("x", lease.MaxCell): "invalid lease request: a cell holds at most 65536 bytes, and this has 65537",
	} {
		err := lease.CheckCell([]byte(data))
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.EqualError(t, err, says)
	}
}

// A manager on no store says so at each call: a leader makes its calls in goroutines, where a panic ends the process.
func TestNewManager_OfNoStore(t *testing.T) {
	for _, none := range []lease.Store{nil, (*memory.Store)(nil)} {
		m := lease.NewManager(none)
		held := lease.Lease{Name: "orders", Holder: "a", ID: "id", Token: 1, Length: time.Minute, Version: "1"}
		seen := lease.Info{Name: "orders", State: lease.Held, ID: "id", Token: 1}
		for call, do := range map[string]func() error{
			"acquire": func() error {
				_, err := m.Acquire(t.Context(), lease.Request{Name: "orders", Holder: "a", Length: time.Minute})
				return err
			},
			"renew":    func() error { _, err := m.Renew(t.Context(), held); return err },
			"release":  func() error { return m.Release(t.Context(), held) },
			"inspect":  func() error { _, err := lease.Inspect(t.Context(), m, "orders"); return err },
			"break":    func() error { return lease.Break(t.Context(), m, seen) },
			"ask":      func() error { return lease.Ask(t.Context(), m, seen, lease.Wish{Kind: lease.WishHandover}) },
			"withdraw": func() error { return lease.Withdraw(t.Context(), m, seen) },
		} {
			err := do()
			require.ErrorIs(t, err, lease.ErrMisconfigured, call)
			require.ErrorContains(t, err, "no store: ", call)
			require.ErrorContains(t, err, ": NewManager was given a nil Store: ", call)
		}
		store, ok := lease.StoreOf(m)
		require.True(t, ok)
		_, err := store.Load(t.Context(), "orders")
		require.ErrorIs(t, err, lease.ErrMisconfigured)
		require.NoError(t, lease.Close(m))
	}
}
