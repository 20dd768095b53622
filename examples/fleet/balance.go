package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A balance is who works on which part, by what the nodes tell.
type balance struct {
	parts int
	crew  map[string]bool   // the nodes that are to have parts
	owner map[string]string // of each part
	token map[string]uint64 // of its latest term
	moves int               // from node to node
}

func newBalance(parts int) *balance {
	return &balance{parts: parts, crew: map[string]bool{}, owner: map[string]string{}, token: map[string]uint64{}}
}

// begins takes note of a term that has begun.
func (b *balance) begins(node, part string, token uint64) {
	if token <= b.token[part] {
		return // two nodes' messages may come in another order
	}
	if was := b.owner[part]; was != "" && was != node {
		b.moves++
	}
	b.owner[part], b.token[part] = node, token
}

// loads returns how many parts each node has: those of the crew, and those that have gone.
func (b *balance) loads() map[string]int {
	loads := map[string]int{}
	for node := range b.crew {
		loads[node] = 0
	}
	for _, node := range b.owner {
		loads[node]++
	}
	return loads
}

// settled reports whether each part is worked on by a node of the crew, and no node has two more than another.
func (b *balance) settled() bool {
	loads := b.loads()
	if len(b.owner) < b.parts || len(loads) != len(b.crew) {
		return false
	}
	all := slices.Collect(maps.Values(loads))
	return slices.Max(all)-slices.Min(all) <= 1
}

// least returns how many parts must move, at the least, until the crew is in balance: those of nodes that have gone, and what
// nodes have too many, if those with the most keep one more where the parts do not come out even.
func (b *balance) least() (moves int) {
	var stay []int
	for node, load := range b.loads() {
		if b.crew[node] {
			stay = append(stay, load)
		} else {
			moves += load
		}
	}
	slices.SortFunc(stay, func(x, y int) int { return cmp.Compare(y, x) })
	for i, load := range stay {
		share := b.parts / len(stay)
		if i < b.parts%len(stay) {
			share++
		}
		moves += max(load-share, 0)
	}
	return moves
}

func (b *balance) String() string {
	loads := b.loads()
	var all []string
	for _, node := range slices.Sorted(maps.Keys(loads)) {
		all = append(all, fmt.Sprintf("%s %d", node, loads[node]))
	}
	return strings.Join(all, ", ")
}
