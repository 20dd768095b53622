package fleet

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Many parts have the same entry, their names aside: they came to their session with one plan. So the entries are packed as
//
//	the names
//	the tokens in use, from the greatest: each as its difference from the one before, the first from the epoch
//	the givers
//	the owners: each with its kinds of entries, which are a token and a giver each
//	for each part, in the order of the names, its owner
//	for each part its kind, among its owner's
//
// Tokens, givers, owners and kinds are numbered. Nobody is a session, too. Small numbers that come again and again deflate well.

// A kind is an entry without its name.
type kind = entry

func compareKinds(a, b kind) int {
	return cmp.Or(a.Owner.compare(b.Owner), descending(a.Token, b.Token), a.From.compare(b.From))
}

func descending(a, b uint64) int { return cmp.Compare(b, a) }

// A packing has what the entries of a plan have in common, sorted.
type packing struct {
	tokens []uint64
	givers []session
	owners []session
	kinds  [][]kind // of each owner
}

// packEntries packs the entries of a valid plan.
func packEntries(p *plan) []byte {
	if len(p.Parts) == 0 {
		return nil
	}
	names, kinds := make([]string, len(p.Parts)), make([]kind, len(p.Parts))
	for i, e := range p.Parts {
		names[i], e.Part = e.Part, ""
		kinds[i] = e
	}
	c := newPacking(kinds)
	data := c.append(appendNames(nil, names), p.Epoch)
	owner, among := map[session]int{}, map[kind]int{}
	for i, s := range c.owners {
		owner[s] = i
		for j, k := range c.kinds[i] {
			among[k] = j
		}
	}
	for _, k := range kinds {
		data = binary.AppendUvarint(data, uint64(owner[k.Owner]))
	}
	for _, k := range kinds {
		data = binary.AppendUvarint(data, uint64(among[k]))
	}
	return data
}

func newPacking(kinds []kind) *packing {
	c := &packing{}
	for _, k := range different(kinds, compareKinds) {
		c.tokens, c.givers = append(c.tokens, k.Token), append(c.givers, k.From)
		if last := len(c.owners) - 1; last < 0 || c.owners[last] != k.Owner {
			c.owners, c.kinds = append(c.owners, k.Owner), append(c.kinds, nil)
		}
		last := len(c.kinds) - 1
		c.kinds[last] = append(c.kinds[last], k)
	}
	c.tokens, c.givers = different(c.tokens, descending), different(c.givers, session.compare)
	return c
}

func different[T comparable](all []T, order func(a, b T) int) []T {
	all = slices.Clone(all)
	slices.SortFunc(all, order)
	return slices.Compact(all)
}

func (c *packing) append(data []byte, epoch uint64) []byte {
	data = binary.AppendUvarint(data, uint64(len(c.tokens)))
	for _, token := range c.tokens {
		data = binary.AppendUvarint(data, epoch-token)
		epoch = token
	}
	data = binary.AppendUvarint(data, uint64(len(c.givers)))
	for _, s := range c.givers {
		data = appendSession(data, s)
	}
	data = binary.AppendUvarint(data, uint64(len(c.owners)))
	for i, s := range c.owners {
		data = appendSession(data, s)
		data = binary.AppendUvarint(data, uint64(len(c.kinds[i])))
		before := 0
		for _, k := range c.kinds[i] {
			token, _ := slices.BinarySearchFunc(c.tokens, k.Token, descending)
			giver, _ := slices.BinarySearchFunc(c.givers, k.From, session.compare)
			data = binary.AppendUvarint(data, uint64(token-before))
			data = binary.AppendUvarint(data, 2*uint64(giver)+bit(k.Off))
			before = token
		}
	}
	return data
}

func appendSession(data []byte, s session) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(data, uint64(s.Seat)), s.Token)
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// unpackEntries reads what packEntries has packed.
func unpackEntries(data []byte, epoch uint64) ([]entry, error) {
	if len(data) == 0 {
		return nil, nil
	}
	r := &reader{rest: data}
	names := r.names()
	c := r.packing(epoch, len(names))
	owners := make([]int, len(names))
	for i := range owners {
		owners[i] = r.index(len(c.kinds))
	}
	entries := make([]entry, 0, len(names))
	for i, name := range names {
		if r.err != nil {
			break
		}
		kinds := c.kinds[owners[i]]
		n := r.index(len(kinds))
		if r.err != nil {
			return nil, fmt.Errorf("part %q: %w", name, r.err)
		}
		e := kinds[n]
		e.Part = name
		entries = append(entries, e)
	}
	return entries, r.end()
}

// packing reads what packing.append has written. There are at most as many of each as there are parts.
func (r *reader) packing(epoch uint64, most int) *packing {
	c := &packing{}
	for range r.number(uint64(most)) {
		epoch -= r.number(epoch)
		c.tokens = append(c.tokens, epoch)
	}
	for range r.number(uint64(most)) {
		c.givers = append(c.givers, r.session())
	}
	for range r.number(uint64(most)) {
		kinds := r.kinds(c, most)
		most -= len(kinds)
		c.kinds = append(c.kinds, kinds)
	}
	return c
}

// kinds reads an owner, and its kinds.
func (r *reader) kinds(c *packing, most int) (kinds []kind) {
	owner, token := r.session(), 0
	for range r.number(uint64(most)) {
		token += r.index(len(c.tokens) - token)
		giver := r.index(2 * len(c.givers))
		if r.err != nil {
			return nil
		}
		kinds = append(kinds, kind{Owner: owner, Token: c.tokens[token], From: c.givers[giver/2], Off: giver%2 == 1})
	}
	return kinds
}

func (r *reader) session() session {
	return session{Seat: int(r.number(maxWidth)), Token: r.number(math.MaxUint64)}
}

// index reads the number of one of so many, which begin at 0.
func (r *reader) index(of int) int {
	if of > 0 {
		return int(r.number(uint64(of - 1)))
	}
	if r.err == nil {
		r.err = errors.New("it names one of none")
	}
	return 0
}
