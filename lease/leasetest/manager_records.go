package leasetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

func inspectStates(t testing.TB, s *scene) {
	m, other := s.Manager(), s.Manager()
	name := newName()
	if info := inspect(t, m, name); info.Name != name || info.State != lease.Free || info.Token != 0 {
		t.Errorf("Inspect of a lease that was never taken: %+v; want Free, token 0", info)
	}
	req := s.request(name, "one")
	req.Attributes = map[string]string{"address": "10.0.0.1"}
	held := acquire(t, m, req)
	for _, m := range []lease.Manager{m, other} {
		s.wantInfo(t, "Inspect of a held lease", inspect(t, m, name), lease.Held, held)
	}
	held = renew(t, m, held)
	release(t, m, held)
	for _, m := range []lease.Manager{m, other} {
		s.wantInfo(t, "Inspect of a released lease", inspect(t, m, name), lease.Free, held)
	}
	if _, err := lease.Inspect(t.Context(), m, ""); !errors.Is(err, lease.ErrInvalid) {
		t.Errorf("Inspect of an empty name: %v; want ErrInvalid", err)
	}
}

func inspectDoesNotTouch(t testing.TB, s *scene) {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	look := func() {
		inspect(t, m, held.Name)
		inspect(t, s.Manager(), held.Name)
		for _, err := range lease.List(t.Context(), m, held.Name) {
			if err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("List: %v", err)
			}
		}
	}
	s.wantUntouched(t, held.Name, "Inspect or List of a held lease", look)
	release(t, m, held)
	s.wantUntouched(t, held.Name, "Inspect or List of a released lease", look)
	missing := newName()
	s.wantUntouched(t, missing, "Inspect of a missing lease", func() { inspect(t, m, missing) })
}

// inspectWatches: what Inspect sees counts as watched (R1), and it tells when the lease is over.
func inspectWatches(t testing.TB, s *scene) {
	s.lookWatches(t, "Inspect", func(m lease.Manager, name string) lease.Info { return inspect(t, m, name) })
}

func listWatches(t testing.TB, s *scene) {
	s.lookWatches(t, "List", func(m lease.Manager, name string) lease.Info { return list(t, m, name)[name] })
}

func (s *scene) lookWatches(t testing.TB, what string, look func(m lease.Manager, name string) lease.Info) {
	t.Helper()
	name := newName()
	sent := time.Now()
	held := acquire(t, s.Manager(), s.brief(name, "one"))
	m := s.Manager()
	for from := time.Now(); ; time.Sleep(s.tick) {
		info := look(m, name)
		passed := time.Since(sent)
		if info.State == lease.Held && time.Since(from) <= s.length+s.tick+s.slack {
			continue
		}
		// A service that expires leases by itself may not tell that one was not given back.
		if info.State == lease.Held || s.Store != nil && info.State != lease.Expired {
			t.Fatalf("%s of a lease that was left behind: %s after %v; want expired", what, info.State, passed)
		}
		if passed < s.length {
			t.Errorf("%s: %s %v after the holder's last request; it is held for %v", what, info.State, passed, s.length)
		}
		break
	}
	s.wantNext(t, held, acquire(t, m, s.brief(name, "two")))
}

// list returns the leases below prefix. An error, of the list or of one of them, is a failure.
func list(t testing.TB, m lease.Manager, prefix string) map[string]lease.Info {
	t.Helper()
	infos := map[string]lease.Info{}
	for info, err := range lease.List(t.Context(), m, prefix) {
		if err != nil || info.Err != nil {
			t.Fatalf("List(%q): %v, %v", prefix, err, info.Err)
		}
		if _, twice := infos[info.Name]; twice {
			t.Errorf("List(%q): %q comes twice", prefix, info.Name)
		}
		infos[info.Name] = info
	}
	return infos
}

func listStates(t testing.TB, s *scene) {
	m := s.Manager()
	top := newName()
	want := map[string]lease.State{top + "/a": lease.Held, top + "/b": lease.Free, top + "/ab": lease.Held}
	leases := map[string]lease.Lease{}
	for name, state := range want {
		req := s.request(name, "holder of "+name)
		req.Attributes = map[string]string{"address": name}
		leases[name] = acquire(t, m, req)
		if state == lease.Free {
			release(t, m, leases[name])
		}
	}
	for _, m := range []lease.Manager{m, s.Manager()} {
		infos := list(t, m, top)
		if got := slices.Sorted(maps.Keys(infos)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Errorf("List: %q; want %q", got, slices.Sorted(maps.Keys(want)))
		}
		for name, info := range infos {
			s.wantInfo(t, "List", info, want[name], leases[name])
		}
		if got := slices.Sorted(maps.Keys(list(t, m, top+"/a"))); !slices.Equal(got, []string{top + "/a", top + "/ab"}) {
			t.Errorf("List(%q): %q; want what begins so", top+"/a", got)
		}
	}
}

// A wrapper is around a manager, as one that logs or counts.
type wrapper struct{ lease.Manager }

func (w wrapper) Unwrap() lease.Manager { return w.Manager }

func wrapperHidesNothing(t testing.TB, s *scene) {
	m := s.Manager()
	wrapped := wrapper{m}
	name := newName()
	held := acquire(t, wrapped, s.request(name, "one"))
	s.wantInfo(t, "Inspect through a wrapper", inspect(t, wrapped, name), lease.Held, held)
	s.wantInfo(t, "List through a wrapper", list(t, wrapped, name)[name], lease.Held, held)
	if got := lease.LimitsOf(wrapped); got != s.limits {
		t.Errorf("LimitsOf through a wrapper: %+v; want %+v", got, s.limits)
	}
}

// notRecord are contents of cells that are no records. A manager neither accepts nor overwrites them.
var notRecord = map[string]string{
	"nothing": "", "text": "hello", "null": "null", "an empty object": "{}", "a list": "[]", "a string": `"x"`,
	"half a record": `{"format":1,"token":1,"id":"x","holder":"h","len`,
	"no format":     `{"token":1,"id":"x","holder":"h","length":"1s","nonce":"n","released":true}`,
	"newer format":  `{"format":3,"token":1,"id":"x","holder":"h","length":"1s","nonce":"n","released":true}`,
	"a newer format that means other things by old names": `{"format":3,"token":"one","id":7,"length":{}}`,
	"no id":              `{"format":1,"token":1,"holder":"h","length":"1s","nonce":"n","released":true}`,
	"no token":           `{"format":1,"id":"x","holder":"h","length":"1s","nonce":"n","released":true}`,
	"a negative token":   `{"format":1,"token":-1,"id":"x","holder":"h","length":"1s","nonce":"n","released":true}`,
	"no length":          `{"format":1,"token":1,"id":"x","holder":"h","nonce":"n","released":true}`,
	"a negative length":  `{"format":1,"token":1,"id":"x","holder":"h","length":"-1s","nonce":"n","released":true}`,
	"length of no unit":  `{"format":1,"token":1,"id":"x","holder":"h","length":"1","nonce":"n","released":true}`,
	"a token twice":      `{"format":1,"token":1,"id":"x","holder":"h","length":"1s","nonce":"n","released":true,"token":2}`,
	"a state twice":      `{"format":1,"token":1,"id":"x","holder":"h","length":"1s","nonce":"n","released":false,"released":true}`,
	"names in capitals":  `{"FORMAT":1,"TOKEN":1,"ID":"x","HOLDER":"h","LENGTH":"1s","NONCE":"n","RELEASED":true}`,
	"more than a record": `{"format":1,"token":1,"id":"x","holder":"h","length":"1s","nonce":"n","released":true}{}`,
}

// wantRecordError fails unless err says that the lease's record cannot be read.
func wantRecordError(t testing.TB, what, name string, err error) {
	t.Helper()
	if !errors.Is(err, lease.ErrRecord) || errors.Is(err, lease.ErrLost) || !strings.Contains(err.Error(), name) {
		t.Errorf("%s: %v; want ErrRecord, and the name of the lease", what, err)
	}
}

func notRecords(t testing.TB, s *scene) {
	m := s.Manager()
	for what, data := range notRecord {
		name := newName()
		swap(t, s.Store, name, "", data)
		s.wantUntouched(t, name, "a manager that found "+what, func() {
			_, err := m.Acquire(t.Context(), s.request(name, "one"))
			wantRecordError(t, "Acquire of "+what, name, err)
			if _, err = lease.Inspect(t.Context(), m, name); !errors.Is(err, errors.ErrUnsupported) {
				wantRecordError(t, "Inspect of "+what, name, err)
			}
		})
	}
}

func brokenRecords(t testing.TB, s *scene) {
	m := s.Manager()
	for _, what := range []string{"nothing", "text", "newer format", "half a record"} {
		held := acquire(t, m, s.request(newName(), "one"))
		s.edit(t, held.Name, func(string) string { return notRecord[what] })
		s.wantUntouched(t, held.Name, "a holder that found "+what, func() {
			_, err := m.Renew(t.Context(), held)
			wantRecordError(t, "Renew of "+what, held.Name, err)
			wantRecordError(t, "Release of "+what, held.Name, m.Release(t.Context(), held))
		})
	}
}

func listGoesOn(t testing.TB, s *scene) {
	m := s.Manager()
	top := newName() + "/"
	for _, name := range []string{"a", "c", "e"} {
		acquire(t, m, s.request(top+name, "one"))
	}
	swap(t, s.Store, top+"b", "", "hello")
	swap(t, s.Store, top+"d", "", notRecord["newer format"])
	found := map[string]error{}
	for info, err := range lease.List(t.Context(), m, top) {
		if err != nil {
			t.Fatalf("List: %v; want the list to go on", err)
		}
		found[info.Name] = info.Err
		if info.Err != nil && (info.State != lease.Free || info.Token != 0 || info.Holder != "") {
			t.Errorf("List: %+v; want only the name of what cannot be read", info)
		}
	}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, []string{top + "a", top + "b", top + "c", top + "d", top + "e"}) {
		t.Errorf("List: %q; want a to e", got)
	}
	for name, err := range found {
		if name == top+"b" || name == top+"d" {
			wantRecordError(t, "List", name, err)
		} else if err != nil {
			t.Errorf("List: %q: %v", name, err)
		}
	}
}

// rewrite changes the fields of a record, and leaves all others as they are.
func (s *scene) rewrite(t testing.TB, name string, change func(fields map[string]any)) {
	t.Helper()
	s.edit(t, name, func(record string) string {
		decoder := json.NewDecoder(strings.NewReader(record))
		decoder.UseNumber()
		var fields map[string]any
		if err := decoder.Decode(&fields); err != nil {
			t.Fatalf("the record of lease %q is not a JSON object: %v: %s", name, err, record)
		}
		change(fields)
		var changed bytes.Buffer
		if err := json.NewEncoder(&changed).Encode(fields); err != nil {
			t.Fatalf("the record of lease %q: %v", name, err)
		}
		return changed.String()
	})
}

func unknownFields(t testing.TB, s *scene) {
	holder, standby := s.Manager(), s.Manager()
	held := acquire(t, holder, s.request(newName(), "one"))
	future := func(fields map[string]any) {
		fields["future"] = map[string]any{"token": 99, "released": true}
		fields["ttl"] = 1
	}
	s.rewrite(t, held.Name, future)
	s.wantInfo(t, "HeldError", wantHeld(t, standby, s.request(held.Name, "two")), lease.Held, held)
	held = renew(t, holder, held)
	s.rewrite(t, held.Name, future)
	release(t, holder, held)
	s.rewrite(t, held.Name, future)
	s.wantNext(t, held, acquire(t, standby, s.request(held.Name, "two")))
}

// wallClockOff checks that a holder whose clock is hours off neither loses its lease by that nor keeps it (R1).
func wallClockOff(off time.Duration) func(t testing.TB, s *scene) {
	return func(t testing.TB, s *scene) {
		name := newName()
		held := acquire(t, s.Manager(), s.brief(name, "one"))
		sent := time.Now()
		s.rewrite(t, name, func(fields map[string]any) {
			for _, key := range []string{"acquired", "renewed"} {
				fields[key] = time.Now().Add(off).UTC().Format(time.RFC3339Nano)
			}
		})
		s.wantNext(t, held, s.takeOver(t, s.Manager(), s.brief(name, "two"), sent))
	}
}

// recordGone checks R4: another term may have come and gone meanwhile, so the old holder must not create the record.
func recordGone(t testing.TB, s *scene) {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	s.remove(t, held.Name)
	for range 2 {
		_, err := m.Renew(t.Context(), held)
		wantLost(t, "Renew of a lease whose record is gone", err, held, lease.LostGone)
		wantLost(t, "Release of a lease whose record is gone", m.Release(t.Context(), held), held, lease.LostGone)
	}
	if s.Store != nil {
		wantCell(t, s.Store, held.Name, "", "")
	}
	acquire(t, s.Manager(), s.request(held.Name, "two"))
	_, err := m.Renew(t.Context(), held)
	wantLost(t, "Renew after the record was created anew", err, held, lease.LostTaken)
}
