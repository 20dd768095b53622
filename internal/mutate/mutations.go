package main

import (
	"bytes"
	"fmt"
)

// mutation takes one rule out of the code, mostly by one edit.
type mutation struct {
	name string
	edit
	also  []edit
	deaf  bool     // the simulation cannot find it, as it has its own store
	tests []string // packages, or directories of other modules, whose tests may find it, besides those of leader and lease
	args  []string // for these tests
}

// edit is a change of one file.
type edit struct {
	file     string
	old, new string // old has to occur exactly once
}

func (e edit) apply(whole []byte) ([]byte, error) {
	if n := bytes.Count(whole, []byte(e.old)); n != 1 {
		return nil, fmt.Errorf("%s has %d times what is to be changed, and should have it once: %q", e.file, n, e.old)
	}
	return bytes.Replace(whole, []byte(e.old), []byte(e.new), 1), nil
}

var mutations = []mutation{
	// R1
	{
		name: "R1: the watch begins before the answer",
		edit: edit{
			file: "lease/watch.go",
			old:  "	now := h.Read() ",
			new:  "	now := l.sent ",
		},
	},
	{
		name: "R1: own writes are watched from before the answer",
		edit: edit{
			file: "lease/manager.go",
			old:  "m.watch.wrote(name, old, version, r.Nonce, sent, h.Read().Mono)",
			new:  "m.watch.wrote(name, old, version, r.Nonce, sent, sent)",
		},
	},
	{
		name: "R1: expiry by the wall clock",
		edit: edit{
			file: "lease/watch.go",
			old:  "	since := now.Mono - min",
			new:  "	now.Mono = now.Wall\n	since := now.Mono - min",
		},
	},
	{
		name: "R1: a new version does not begin the watch anew",
		edit: edit{
			file: "lease/watch.go",
			old:  "	if s.version != version {\n		if s.version != \"\" && l.sent",
			new:  "	if s.version == \"\" {\n		if s.version != \"\" && l.sent",
		},
	},
	{
		name: "R1: a fifth less than the length is watched",
		edit: edit{
			file: "lease/manager.go",
			old:  "c.ghost || idle >= time.Duration(c.Length)",
			new:  "c.ghost || idle >= time.Duration(c.Length)/5*4",
		},
	},
	{
		name: "R1c: Age of S3 without its skew", deaf: true, tests: []string{"./lease/s3"},
		edit: edit{
			file: "internal/serverclock/serverclock.go",
			old:  "max(since-(Grain+Skew),",
			new:  "max(since-Grain,",
		},
	},
	{
		name: "R1c: Age of S3 by the clocks of whatever endpoint", deaf: true, tests: []string{"./lease/s3"},
		edit: edit{
			file: "lease/s3/store.go",
			old:  "s.aged = s.amazon",
			new:  "s.aged = true",
		},
	},
	{
		name: "Evidence: any ETag shows a write to S3", deaf: true, tests: []string{"./lease/s3"},
		edit: edit{
			file: "lease/s3/evidence.go",
			old:  "isMD5(version, content) || aws",
			new:  "true || aws",
		},
	},
	{
		name: "Evidence: what is no error of S3's says that there is no object", deaf: true, tests: []string{"./lease/s3"},
		edit: edit{
			file: "lease/s3/store.go",
			old:  "s.codeOf(err) == noSuchKey",
			new:  "statusOf(err) == http.StatusNotFound",
		},
	},
	{
		name: "Evidence: any answer is DynamoDB's", deaf: true, tests: []string{"./lease/dynamodb"},
		edit: edit{
			file: "lease/dynamodb/evidence.go",
			old:  "	return capacity != nil && t.is(capacity.TableName)",
			new:  "	return capacity == nil || t.is(capacity.TableName)",
		},
	},
	{
		name: "Evidence: DynamoDB's answer to another write counts", deaf: true, tests: []string{"./lease/dynamodb"},
		edit: edit{
			file: "lease/dynamodb/evidence.go",
			old:  "was != string(old)",
			new:  "was == string(old)+\".\"",
		},
	},
	{
		name: "R1c: Age of DynamoDB by the clock of whatever endpoint", deaf: true, tests: []string{"./lease/dynamodb"},
		edit: edit{
			file: "lease/dynamodb/store.go",
			old:  "age: isService(client)",
			new:  "age: true",
		},
	},
	{
		name: "R1c: Age of DynamoDB from an answer that is older than the lease", deaf: true, tests: []string{"./lease/dynamodb"},
		edit: edit{
			file: "lease/dynamodb/clock.go",
			old:  "	most := length\n",
			new:  "	most := max(length, time.Minute)\n",
		},
	},
	{
		name: "R1c: Age of GCS by the clocks of whatever endpoint", deaf: true, tests: []string{"./lease/gcs"},
		edit: edit{
			file: "lease/gcs/evidence.go",
			old:  "s.age == googles && !c.google",
			new:  "s.age == googles && false",
		},
	},
	{
		name: "Evidence: any object shows a write to GCS", deaf: true, tests: []string{"./lease/gcs"},
		edit: edit{
			file: "lease/gcs/evidence.go",
			old:  "got.Size == int64(len(data)) && got.CRC32C == crc32.Checksum(data, castagnoli)",
			new:  "got.Size >= 0",
		},
	},
	{
		name: "Evidence: anybody's answer says that there is no object in GCS", deaf: true, tests: []string{"./lease/gcs"},
		edit: edit{
			file: "lease/gcs/store.go",
			old:  "	if !r.own {\n		return errUnproven",
			new:  "	if r.own && false {\n		return errUnproven",
		},
	},
	{
		name: "R7: a read of GCS goes on as long as its answers break off", deaf: true, tests: []string{"./lease/gcs"},
		edit: edit{
			file: "lease/gcs/call.go",
			old:  "return c.lists || !c.sent.Swap(true)",
			new:  "return c.lists || !c.sent.Swap(false)",
		},
	},
	{
		name: "R1c: Age of DynamoDB without its skew", deaf: true, tests: []string{"./lease/dynamodb"},
		edit: edit{
			file: "lease/dynamodb/clock.go",
			old:  "bound.Add(grain+skew)",
			new:  "bound.Add(grain)",
		},
	},
	{
		name: "R1c: Age of DynamoDB without what a slow clock leaves out", deaf: true, tests: []string{"./lease/dynamodb"},
		edit: edit{
			file: "lease/dynamodb/clock.go",
			old:  "c.date.Add(grain + elapsed + lag(elapsed))",
			new:  "c.date.Add(grain + elapsed)",
		},
	},
	{
		name: "R1c: Age counted by the monotonic clock over a sleep", deaf: true, tests: []string{"./lease/dynamodb"},
		edit: edit{
			file: "lease/dynamodb/clock.go",
			old:  "	elapsed := c.sent.Elapsed()\n	if c.date",
			new:  "	elapsed := host.From(ctx).Read().Mono - c.mono\n	if c.date",
		},
		also: []edit{
			{
				file: "lease/dynamodb/clock.go",
				old:  "	sent lease.Instant // just before",
				new:  "	mono time.Duration\n	sent lease.Instant // just before",
			},
			{
				file: "lease/dynamodb/clock.go",
				old:  "// heard takes",
				new:  "func (c *clock) begins(ctx context.Context) { c.mono = host.From(ctx).Read().Mono }\n\n// heard takes",
			},
			{
				file: "lease/dynamodb/store.go",
				old:  "	sent := lease.Now(ctx)\n	out, err := s.client.GetItem",
				new:  "	s.clock.begins(ctx)\n	sent := lease.Now(ctx)\n	out, err := s.client.GetItem",
			},
		},
	},

	// R2
	{
		name: "R2: no margin",
		edit: edit{
			file: "lease/term.go",
			old:  "max(l.Length-Margin(l.Length), 0)",
			new:  "l.Length",
		},
	},
	{
		name: "R2: the deadline counts from the answer to the renewal",
		edit: edit{
			file: "holding.go",
			old:  "h.keeper.Extend(a.value, q.sent)",
			new:  "h.keeper.Extend(a.value, lease.Now(h.run.ctx))",
		},
	},
	{
		name: "R2: the deadline counts from the answer to the acquisition",
		edit: edit{
			file: "campaign.go",
			old:  "r.newTerm(a.value, q.sent)",
			new:  "r.newTerm(a.value, lease.Now(r.ctx))",
		},
	},
	{
		name: "R2: an adopted older renewal counts as a new one",
		edit: edit{
			file: "lease/protocol.go",
			old:  "		from = now.version\n		ours.keepNewer(now.record)\n",
			new:  "		return now.record.lease(held.Name, now.version), nil\n",
		},
	},

	// R3
	{
		name: "R3: one difference, not a sum over samples",
		edit: edit{
			file: "lease/instant.go",
			old:  "		i.last, i.base = now, i.counted\n",
			new:  "		i.base = 0\n",
		},
	},
	{
		name: "R3: the holder counts by the monotonic clock alone",
		edit: edit{
			file: "internal/host/host.go",
			old:  "	return max(r.Mono-earlier.Mono, r.Wall-earlier.Wall, r.Boot-earlier.Boot, 0)",
			new:  "	return max(r.Mono-earlier.Mono, 0)",
		},
	},
	{
		name: "R3: the holder counts by the wall clock alone",
		edit: edit{
			file: "internal/host/host.go",
			old:  "	return max(r.Mono-earlier.Mono, r.Wall-earlier.Wall, r.Boot-earlier.Boot, 0)",
			new:  "	return max(r.Wall-earlier.Wall, 0)",
		},
	},
	{
		name: "R3: no samples while an answer is awaited",
		edit: edit{
			file: "request.go",
			old:  "	q.sent = q.sent.Sample()\n",
			new:  "",
		},
	},
	{
		name: "R3: a step back counts for nothing where no clock counts suspension",
		edit: edit{
			file: "lease/instant.go",
			old:  "	if last.Boot != 0 || now.Boot != 0 {",
			new:  "	if last.Boot >= 0 || now.Boot != 0 {",
		},
	},
	{
		name: "R3: the holder does not sample every second",
		edit: edit{
			file: "lease/term.go",
			old:  "k.host.AfterFunc(min(SampleEvery, k.remaining()), k.tick)",
			new:  "k.host.AfterFunc(k.remaining(), k.tick)",
		},
	},

	// R4
	{
		name: "R4: a conflict is a lost lease",
		edit: edit{
			file: "lease/protocol.go",
			old:  "		if lost := now.lostBy(held); lost != nil {\n			return Lease{}, lost\n		}",
			new:  "		return Lease{}, &LostError{Name: held.Name, Token: held.Token, Reason: LostTaken, Now: now.info(held.Name)}",
		},
	},
	{
		name: "R4: an unclear answer is a lost lease",
		edit: edit{
			file: "holding.go",
			old:  "	case errors.Is(a.err, lease.ErrLost):\n		h.gone = true",
			new:  "	case a.err != nil:\n		h.gone = true",
		},
	},
	{
		name: "R4: a released record with our ID is renewed",
		edit: edit{
			file: "lease/protocol.go",
			old:  "	case c.Released:\n		lost.Reason = LostReleased\n",
			new:  "",
		},
	},
	{
		name: "R4: adoption by holder instead of ID, in a renewal",
		edit: edit{
			file: "lease/protocol.go",
			old:  "case c.ID != held.ID:",
			new:  "case c.Holder != held.Holder:",
		},
	},
	{
		name: "R4: adoption by holder instead of ID, in an acquisition",
		edit: edit{
			file: "lease/protocol.go",
			old:  "case now.ID == ours.ID && !now.Released:",
			new:  "case now.Holder == ours.Holder && !now.Released:",
		},
	},
	{
		name: "R4: the own write behind a conflict is taken for somebody else's",
		edit: edit{
			file: "lease/protocol.go",
			old:  "		case now.ID == ours.ID && !now.Released:\n",
			new:  "		case now.ID == ours.ID && !now.Released && now.missing():\n",
		},
	},
	{
		name: "R4: Renew creates a missing record anew",
		edit: edit{
			file: "lease/protocol.go",
			old:  "		lost.Reason = LostGone // R4",
			new:  "		return nil // R4",
		},
	},
	{
		name: "R4: the next renewal waits for one that hangs",
		edit: edit{
			file: "holding.go",
			old:  "(q.overdue(now) || late(q.sent, q.due-q.began))",
			new:  "q.due < 0",
		},
	},

	// R5
	{
		name: "R5: the token is not incremented",
		edit: edit{
			file: "lease/protocol.go",
			old:  "Token: seen.Token + 1,",
			new:  "Token: max(seen.Token, 1),",
		},
	},
	{
		name: "R5: a release forgets the token",
		edit: edit{
			file: "lease/protocol.go",
			old:  "	free.Released, free.Renewed = true, stamp(host.From(ctx))",
			new:  "	free.Released, free.Renewed, free.Token = true, stamp(host.From(ctx)), 1",
		},
	},
}
