package leasetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

const racers = 20

func creatorsRace(t testing.TB, all instances) {
	for range 3 {
		swapRace(t, all, newName(), "")
	}
}

func swappersRace(t testing.TB, all instances) {
	name := newName()
	version := swap(t, all[0], name, "", "start")
	for range 3 {
		version = swapRace(t, all, name, version)
	}
}

// swapRace lets many swap from one version, and returns the winner's new version.
func swapRace(t testing.TB, all instances, name string, old lease.Version) lease.Version {
	t.Helper()
	var versions [racers]lease.Version
	var errs [racers]error
	pause(all[0], old)
	race(racers, func(i int) {
		versions[i], errs[i] = all[i%2].Swap(t.Context(), name, old, []byte(strconv.Itoa(i)))
	})
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("Swap from version %q succeeded twice", old)
		case err == nil:
			winner = i
		case !errors.Is(err, lease.ErrConflict) && writeEvery(all[0]) == 0: // a service may refuse the others because they come too soon
			t.Errorf("Swap in a race: %v; want ErrConflict", err)
		}
	}
	if winner < 0 {
		t.Fatalf("Swap from version %q: none of %d succeeded", old, racers)
	}
	for _, s := range all {
		wantCell(t, s, name, versions[winner], strconv.Itoa(winner))
	}
	return versions[winner]
}

func noLostUpdate(t testing.TB, all instances) {
	const writers, each = 4, 6
	name := newName()
	var refused atomic.Int64
	swap(t, all[0], name, "", "0")
	race(writers, func(i int) {
		s := all[i%2]
		for done, tries := 0, 0; done < each; tries++ {
			if tries == 100*writers*each {
				t.Errorf("Swap answered %d times that somebody else was first", tries-done)
				return
			}
			got, err := s.Load(t.Context(), name)
			if err != nil {
				t.Errorf("Load: %v", err)
				return
			}
			n, err := strconv.Atoi(string(got.Data))
			if err != nil {
				t.Errorf("Load: %q, which nobody wrote", got.Data)
				return
			}
			switch _, err = s.Swap(t.Context(), name, got.Version, []byte(strconv.Itoa(n+1))); {
			case err == nil:
				done++
			case !errors.Is(err, lease.ErrConflict) && writeEvery(s) > 0:
				refused.Add(1) // the cell may have been written all the same
				time.Sleep(writeEvery(s))
			case !errors.Is(err, lease.ErrConflict):
				t.Errorf("Swap: %v", err)
				return
			}
		}
	})
	if got, _ := strconv.Atoi(string(load(t, all[0], name).Data)); got < writers*each || got > writers*each+int(refused.Load()) {
		t.Errorf("a counter that %d writers raised %d times each, and perhaps %d times more, shows %d", writers, each, refused.Load(), got)
	}
}

// listed returns the cells below prefix. A name that comes twice is a failure.
func listed(t testing.TB, s lease.Store, prefix string) map[string]lease.Snapshot {
	t.Helper()
	cells := map[string]lease.Snapshot{}
	for c, err := range s.(lease.Lister).List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%q): %v", prefix, err)
		}
		if _, twice := cells[c.Name]; twice {
			t.Errorf("List(%q): %s comes twice", prefix, short(c.Name))
		}
		if c.Err != nil {
			t.Errorf("List(%q): %s: %v", prefix, short(c.Name), c.Err)
		}
		cells[c.Name] = c.Snapshot
	}
	return cells
}

func listPrefix(t testing.TB, s lease.Store) {
	top := newName()
	versions := map[string]lease.Version{}
	for _, name := range []string{"", "/a", "/a/1", "/a/2", "/ab", "/A", "/%2F", "/e\u0301", "/é", "/*"} {
		versions[top+name] = swap(t, s, top+name, "", "data of "+name)
	}
	for _, c := range []struct {
		prefix string
		want   []string
	}{
		{"", []string{"", "/a", "/a/1", "/a/2", "/ab", "/A", "/%2F", "/e\u0301", "/é", "/*"}},
		{"/a", []string{"/a", "/a/1", "/a/2", "/ab"}},
		{"/a/", []string{"/a/1", "/a/2"}},
		{"/a/1", []string{"/a/1"}},
		{"/A", []string{"/A"}},
		{"/%", []string{"/%2F"}},
		{"/%2", []string{"/%2F"}},
		{"/e", []string{"/e\u0301"}},
		{"/é", []string{"/é"}},
		{"/*", []string{"/*"}},
		{"//", nil},
		{"/none", nil},
	} {
		var want []string
		for _, name := range c.want {
			want = append(want, top+name)
		}
		slices.Sort(want)
		cells := listed(t, s, top+c.prefix)
		if got := slices.Sorted(maps.Keys(cells)); !slices.Equal(got, want) {
			t.Errorf("List(%q): %q; want %q", top+c.prefix, got, want)
		}
		for name, got := range cells {
			if data := "data of " + strings.TrimPrefix(name, top); got.Version != versions[name] || string(got.Data) != data {
				t.Errorf("List: %q has version %q, data %q; want %q, %q", name, got.Version, got.Data, versions[name], data)
			}
		}
	}
	for range s.(lease.Lister).List(t.Context(), top) {
		break // a list may be left early, and read again
	}
}

// listLong lists more than a service puts on one page: DynamoDB, one megabyte.
func listLong(t testing.TB, s lease.Store) {
	top := newName() + "/"
	names := make([]string, 70)
	for i := range names {
		names[i] = fmt.Sprintf("%s%02d", top, i)
	}
	forEach(names, func(name string) {
		if _, err := s.Swap(t.Context(), name, "", []byte(strings.Repeat("x", lease.MaxCell))); err != nil {
			t.Errorf("Swap: %v", err)
		}
	})
	if got := slices.Sorted(maps.Keys(listed(t, s, top))); !slices.Equal(got, names) {
		t.Errorf("List: %d cells; want all %d: %q", len(got), len(names), got)
	}
}
