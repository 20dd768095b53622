package leasetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

var storeChecks = []check[lease.Store]{
	{name: "missing cell", run: missingCell},
	{name: "create", run: create},
	{name: "create twice", run: createTwice},
	{name: "swap", run: swapCurrent},
	{name: "swap from a stale version", run: swapStale},
	{name: "swap of a missing cell", run: swapMissing},
	{name: "every write makes a new version", run: versionsDiffer},
	{name: "data is exact", run: dataExact},
	{name: "data that no cell holds is refused", run: dataRefused},
	{name: "data is not shared", run: dataNotShared},
	{name: "every name is a separate cell", run: namesDiffer},
	{name: "ended context", run: storeContextEnded},
	{name: "age", run: agePlausible},
	{name: "list", run: listPrefix, needs: []feature{listing}},
	{name: "list of more than a megabyte", run: listLong, needs: []feature{listing}},
	{name: "a watch hints at changes", run: watchHints, needs: []feature{watching}},
	{name: "a watch ends with its context", run: watchEnds, needs: []feature{watching}},
}

// instances are two stores on one place, as two processes have them; or the same one twice.
type instances [2]lease.Store

var instanceChecks = []check[instances]{
	{name: "a write is seen at once", run: seenAtOnce},
	{name: "a version of either store is refused when it is stale", run: swapsInTurn},
	{name: "one of many creators wins", run: creatorsRace},
	{name: "one of many swappers wins", run: swappersRace},
	{name: "no update is lost", run: noLostUpdate},
}

func load(t testing.TB, s lease.Store, name string) lease.Snapshot {
	t.Helper()
	snapshot, err := s.Load(t.Context(), name)
	if err != nil {
		t.Fatalf("Load(%s): %v", short(name), err)
	}
	return snapshot
}

func swap(t testing.TB, s lease.Store, name string, old lease.Version, data string) lease.Version {
	t.Helper()
	pause(s, old)
	version, err := s.Swap(t.Context(), name, old, []byte(data))
	if err != nil {
		t.Fatalf("Swap(%s) from version %q: %v", short(name), old, err)
	}
	if version == "" {
		t.Fatalf("Swap(%s) returned an empty version, which is that of a missing cell", short(name))
	}
	return version
}

// wantConflict fails unless Swap refuses old and leaves the cell as it is.
func wantConflict(t testing.TB, s lease.Store, name string, old lease.Version) {
	t.Helper()
	before := load(t, s, name)
	time.Sleep(writeEvery(s))
	version, err := s.Swap(t.Context(), name, old, []byte("must not be written"))
	if !errors.Is(err, lease.ErrConflict) {
		t.Errorf("Swap from version %q of a cell with version %q: version %q, error %v; want ErrConflict",
			old, before.Version, version, err)
	}
	wantCell(t, s, name, before.Version, string(before.Data))
}

func wantCell(t testing.TB, s lease.Store, name string, version lease.Version, data string) {
	t.Helper()
	got := load(t, s, name)
	if got.Version != version || string(got.Data) != data {
		t.Errorf("Load(%s): version %q, data %s; want version %q, data %s",
			short(name), got.Version, short(string(got.Data)), version, short(data))
	}
}

func missingCell(t testing.TB, s lease.Store) {
	if got := load(t, s, newName()); got.Data != nil || got.Version != "" || got.Age != 0 {
		t.Errorf("Load of a missing cell: %+v; want the zero Snapshot", got)
	}
}

func create(t testing.TB, s lease.Store) {
	name := newName()
	version := swap(t, s, name, "", "one")
	wantCell(t, s, name, version, "one")
}

func createTwice(t testing.TB, s lease.Store) {
	name := newName()
	swap(t, s, name, "", "one")
	wantConflict(t, s, name, "")
}

func swapCurrent(t testing.TB, s lease.Store) {
	name := newName()
	version := swap(t, s, name, "", "one")
	for _, data := range []string{"two", "three"} {
		version = swap(t, s, name, version, data)
		wantCell(t, s, name, version, data)
	}
	loaded := load(t, s, name).Version
	wantCell(t, s, name, swap(t, s, name, loaded, "four"), "four")
}

func swapStale(t testing.TB, s lease.Store) {
	name := newName()
	first := swap(t, s, name, "", "one")
	second := swap(t, s, name, first, "two")
	swap(t, s, name, second, "three")
	wantConflict(t, s, name, first)
	wantConflict(t, s, name, second)
	wantConflict(t, s, name, "made-up")
}

func swapMissing(t testing.TB, s lease.Store) {
	version := swap(t, s, newName(), "", "one")
	missing := newName()
	wantConflict(t, s, missing, version)
	wantConflict(t, s, missing, "made-up")
}

func versionsDiffer(t testing.TB, s lease.Store) {
	name := newName()
	seen := map[lease.Version]bool{}
	var version lease.Version
	for _, data := range []string{"same", "same", "same", "other", "same"} {
		version = swap(t, s, name, version, data)
		if seen[version] {
			t.Errorf("Swap returned version %q for two writes to one cell", version)
		}
		seen[version] = true
	}
}

func dataExact(t testing.TB, s lease.Store) {
	largest := strings.Repeat(`{"a":"ä🚀"}`, 8000)
	forEach([]string{
		"", " ", "  two spaces at both ends  ", "\n", "lines\nof\r\ntext\n", "\ttab", `"quotes"`, `'`, `\`, `\n`, "null", "{}", `{"a": 1}`,
		"é", "e\u0301", "🚀", "日本語", "\ufeffbyte order mark", "\u2028", "&lt;<a>", "%41", "100%", "=", "aGVsbG8=", "0", "007",
		strings.ToValidUTF8(largest[:lease.MaxCell], "x"), strings.Repeat("x", lease.MaxCell),
	}, func(data string) {
		name := newName()
		version, err := s.Swap(t.Context(), name, "", []byte(data))
		if err != nil {
			t.Errorf("Swap of %s: %v", short(data), err)
			return
		}
		got, err := s.Load(t.Context(), name)
		if err != nil || got.Version != version || string(got.Data) != data {
			t.Errorf("Load: %s, version %q, error %v; want %s, version %q", short(string(got.Data)), got.Version, err, short(data), version)
		}
	})
}

// dataRefused: a store that took such data would hold a record that the other stores do not, or that it cannot read itself.
func dataRefused(t testing.TB, s lease.Store) {
	name, missing := newName(), newName()
	version := swap(t, s, name, "", "one")
	for what, data := range map[string]string{
		"a byte more than MaxCell": strings.Repeat("x", lease.MaxCell+1),
		"no UTF-8":                 "\xff\xfe",
		"half a character":         "🚀"[:2],
	} {
		for _, cell := range []struct {
			name string
			old  lease.Version
		}{{name, version}, {missing, ""}} {
			if _, err := s.Swap(t.Context(), cell.name, cell.old, []byte(data)); !errors.Is(err, lease.ErrInvalid) {
				t.Errorf("Swap of %s from version %q: %v; want ErrInvalid, as CheckCell returns", what, cell.old, err)
			}
		}
	}
	wantCell(t, s, name, version, "one")
	wantCell(t, s, missing, "", "")
}

func dataNotShared(t testing.TB, s lease.Store) {
	name := newName()
	written := []byte("one")
	version, err := s.Swap(t.Context(), name, "", written)
	if err != nil {
		t.Fatalf("Swap: %v", err)
	}
	written[0] = 'X'
	wantCell(t, s, name, version, "one")
	read := load(t, s, name)
	for i := range read.Data {
		read.Data[i] = 'X'
	}
	wantCell(t, s, name, version, "one")
	if l, ok := s.(lease.Lister); ok {
		for c := range l.List(t.Context(), name) {
			for i := range c.Snapshot.Data {
				c.Snapshot.Data[i] = 'X'
			}
		}
		wantCell(t, s, name, version, "one")
	}
}

// seenAtOnce lets other goroutines read each write as soon as it is acknowledged, the writer's instance and the other alike.
func seenAtOnce(t testing.TB, all instances) {
	name := newName()
	var version lease.Version
	for i := range 10 {
		version = swap(t, all[i/2%2], name, version, fmt.Sprint(i))
		race(4, func(reader int) {
			got, err := all[reader%2].Load(t.Context(), name)
			if err != nil || got.Version != version || string(got.Data) != fmt.Sprint(i) {
				t.Errorf("Load after a write was acknowledged: version %q, data %q, error %v; want version %q, data %q",
					got.Version, got.Data, err, version, fmt.Sprint(i))
			}
		})
	}
}

// swapsInTurn writes through one instance and the other. Each refuses what the other has replaced, and swaps from what it has written.
func swapsInTurn(t testing.TB, all instances) {
	name := newName()
	old, version := lease.Version(""), swap(t, all[0], name, "", "0")
	for i := 1; i <= 4; i++ {
		old, version = version, swap(t, all[i%2], name, version, fmt.Sprint(i))
		for _, s := range all {
			wantConflict(t, s, name, old)
			wantConflict(t, s, name, "")
			wantCell(t, s, name, version, fmt.Sprint(i))
		}
	}
}

// fill writes into the cell of every awkward name its name and the tag, whatever was there before.
func fill(t testing.TB, s lease.Store, tag string) {
	forEach(awkwardNames, func(name string) {
		before, err := s.Load(t.Context(), name)
		if err != nil {
			t.Errorf("Load(%s): %v", short(name), err)
			return
		}
		if _, err := s.Swap(t.Context(), name, before.Version, []byte(name+tag)); err != nil {
			t.Errorf("Swap(%s): %v", short(name), err)
		}
	})
}

// namesDiffer uses every name as it is, without a prefix: "." is not the same as "x/.".
func namesDiffer(t testing.TB, s lease.Store) {
	tag := " " + newName()
	fill(t, s, tag)
	forEach(awkwardNames, func(name string) {
		got, err := s.Load(t.Context(), name)
		if err != nil || string(got.Data) != name+tag {
			t.Errorf("Load(%s): %s, error %v; want its own name", short(name), short(string(got.Data)), err)
		}
	})
	if _, ok := s.(lease.Lister); !ok {
		return
	}
	cells := listed(t, s, "")
	for _, name := range awkwardNames {
		if got, ok := cells[name]; !ok || string(got.Data) != name+tag {
			t.Errorf("List: the cell %s is listed: %t, with data %s; want it with its own name", short(name), ok, short(string(got.Data)))
		}
	}
}

func storeContextEnded(t testing.TB, s lease.Store) {
	name, missing := newName(), newName()
	version := swap(t, s, name, "", "one")
	over := ended(t)
	calls := map[string]func(ctx context.Context) error{
		"Load":               func(ctx context.Context) error { _, err := s.Load(ctx, name); return err },
		"Swap":               func(ctx context.Context) error { _, err := s.Swap(ctx, name, version, []byte("two")); return err },
		"Swap of a new cell": func(ctx context.Context) error { _, err := s.Swap(ctx, missing, "", []byte("two")); return err },
	}
	if l, ok := s.(lease.Lister); ok {
		calls["List"] = func(ctx context.Context) (last error) {
			for _, err := range l.List(ctx, name) {
				last = err
			}
			return last
		}
	}
	for what, call := range calls {
		wantSoon(t, what, func() {
			if err := call(over); !errors.Is(err, context.Canceled) {
				t.Errorf("%s with a cancelled context: %v; want context.Canceled", what, err)
			}
		})
	}
	wantCell(t, s, name, version, "one")
	wantCell(t, s, missing, "", "")
}

// agePlausible takes more than a second, the grain of services' clocks.
func agePlausible(t testing.TB, s lease.Store) {
	name := newName()
	var version lease.Version
	known := false
	for _, looks := range []int{6, 2} { // the age begins anew with each write
		sent := time.Now()
		version = swap(t, s, name, version, "x")
		for range looks {
			got := load(t, s, name)
			if most := time.Since(sent); got.Age < 0 || got.Age > max(most, 1) {
				t.Fatalf("Load: an age of %v, when the write was sent %v ago; a lower bound is wanted, or 0", got.Age, most)
			}
			if known && got.Age == 0 {
				t.Fatalf("Load: no age at all, of a store that tells one; want a nanosecond at least, so that it is known to tell")
			}
			time.Sleep(250 * time.Millisecond)
		}
		known = known || load(t, s, name).Age > 0
	}
}
