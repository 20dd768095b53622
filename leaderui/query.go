package leaderui

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A query says which part of the store a page shows.
type query struct {
	Search string // shows what contains it
	Sort   string // "" is by name
	Lease  string // the one with its details
	Page   int    // counted from 1
}

// sorts are the orders in which leases are shown, beside that of their names.
var sorts = map[string]func(a, b *sight) int{
	"state":  func(a, b *sight) int { return cmp.Compare(rank(a), rank(b)) },
	"holder": func(a, b *sight) int { return strings.Compare(a.Holder, b.Holder) },
	"token":  func(a, b *sight) int { return cmp.Compare(b.Token, a.Token) },
	"since":  func(a, b *sight) int { return b.Acquired.Compare(a.Acquired) },
	"left":   func(a, b *sight) int { return a.ends.Compare(b.ends) },
}

func queryOf(v url.Values) query {
	page, err := strconv.Atoi(v.Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	q := query{Search: strings.TrimSpace(v.Get("q")), Sort: v.Get("sort"), Lease: v.Get("lease"), Page: page}
	if sorts[q.Sort] == nil {
		q.Sort = ""
	}
	return q
}

// link returns the address of this page with a change.
func (q query) link(change func(q *query)) string {
	change(&q)
	v := url.Values{}
	for key, value := range map[string]string{"q": q.Search, "sort": q.Sort, "lease": q.Lease} {
		if value != "" {
			v.Set(key, value)
		}
	}
	if q.Page > 1 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	return "?" + v.Encode()
}

// To is the address of the details of a lease.
func (q query) To(name string) string { return q.link(func(q *query) { q.Lease = name }) + "#detail" }

// matches reports whether a text that the page shows contains what is searched for, whatever the case.
func (q query) matches(texts ...string) bool {
	want := strings.ToLower(q.Search)
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(strings.ToLower(s), want) })
}

func (q query) matchesLease(s *sight) bool {
	if q.Search == "" || q.matches(s.Name, s.Holder, stateOf(s.Info)) {
		return true
	}
	for key, value := range s.Attributes {
		if q.matches(key, value, key+"="+value) {
			return true
		}
	}
	return s.Err != nil && q.matches(s.Err.Error())
}

func (q query) matchesFleet(f *fleetSight) bool {
	if q.Search == "" || q.matches(f.Fleet, f.Coordinator.Holder) {
		return true
	}
	for _, n := range f.Nodes {
		if q.matches(n.Node) {
			return true
		}
	}
	for _, p := range f.Parts {
		if q.matches(p.Part) {
			return true
		}
	}
	return false
}

// attributesText returns attributes in one line, in the order of their keys.
func attributesText(attributes map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		all = append(all, key+"="+attributes[key])
	}
	return strings.Join(all, "  ")
}
