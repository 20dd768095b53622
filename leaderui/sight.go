package leaderui

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A sight is a lease as one look showed it, with what the looks before it tell. It does not hold the lease's value.
type sight struct {
	lease.Info
	valueBytes int
	at         time.Time     // when it was read, by this machine's clock
	ends       time.Time     // by then it has run out, if it is not renewed; zero: it does not run, or that is not known
	skew       time.Duration // by how much the holder's clock is ahead of this one at least; negative: behind; 0: not known to be
	terms      []Term        // oldest first
}

func sightOf(i lease.Info, at time.Time) sight {
	s := sight{Info: i, valueBytes: len(i.Value), at: at}
	s.Value = ""
	if i.State == lease.Held && i.Err == nil {
		s.ends = at.Add(cmp.Or(i.RetryAfter, i.Length))
	}
	return s
}

// mostLeases is how many leases are shown: more would not fit into the memory of a small machine.
const mostLeases = 100_000

// mostBytes bounds the records that one look keeps for fleets. Those of a fleet beyond it are read again, one by one.
const mostBytes = 64 << 20

// A glance has all that one look at the whole store showed.
type glance struct {
	sights   []sight // by name
	fleets   []fleetSight
	requests int  // how many it took, at most
	cut      bool // there are more than mostLeases
}

// lookAt reads all leases of the store, and each fleet among them. It calls alive for each answer. With an error, it returns how many
// requests that took, and nothing else counts.
func lookAt(ctx context.Context, m lease.Manager, alive func()) (glance, error) {
	var g glance
	read := map[string]lease.Info{} // with values, which fleets need
	bytes := 0
	failed := func(err error) (glance, error) {
		return glance{requests: requestsOf(lease.PlaceOf(m), len(g.sights), bytes)}, err
	}
	for info, err := range lease.List(ctx, m, "") {
		if err != nil {
			return failed(err)
		}
		alive()
		if len(g.sights) == mostLeases {
			g.cut = true
			break
		}
		g.sights = append(g.sights, sightOf(info, time.Now()))
		if bytes += sizeOf(info); info.Value != "" && bytes < mostBytes {
			read[info.Name] = info
		}
	}
	if len(g.sights) == 0 {
		if err := lease.FindPlace(ctx, m); err != nil {
			return failed(err)
		}
	}
	g.requests = requestsOf(lease.PlaceOf(m), len(g.sights), bytes)
	slices.SortFunc(g.sights, func(a, b sight) int { return strings.Compare(a.Name, b.Name) })
	g.readFleets(ctx, m, read, alive)
	return g, ctx.Err() // then it is why fleets could not be read
}

// find returns the lease of that name; nil if there is none.
func find(sights []sight, name string) *sight {
	i, found := slices.BinarySearchFunc(sights, name, func(s sight, name string) int { return strings.Compare(s.Name, name) })
	if !found {
		return nil
	}
	return &sights[i]
}

// sizeOf returns about how many bytes the record of a lease has.
func sizeOf(i lease.Info) int {
	const fields = 400
	size := fields + len(i.Name) + len(i.Holder) + len(i.Value)
	for key, value := range i.Attributes {
		size += len(key) + len(value)
	}
	return size
}

// requestsOf returns how many requests a list of so many leases takes at most, by the store's place. On DynamoDB, which bills a list
// by what it reads, 4 KB count as one. An unknown store is taken for one that reads each lease by a request, as S3 and GCS are read.
func requestsOf(place string, leases, bytes int) int {
	scheme, _, _ := strings.Cut(place, ":")
	switch scheme {
	case "memory", "file":
		return 1
	case "dynamodb":
		return 1 + bytes/4096
	case "azblob":
		return 1 + leases/5000
	}
	return 1 + leases/1000 + leases
}
