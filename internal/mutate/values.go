package main

// onValues are the packages whose tests look at a lease's value.
var onValues = []string{"./lease", "."}

var onCheckpoints = []string{"./checkpoint"}

// values takes out what keeps a lease's value from being lost, or taken back.
var values = []mutation{
	{
		name: "V1: an acquisition forgets the value", tests: onValues,
		edit: edit{file: "lease/protocol.go", old: "		Value: seen.Value, Acquired", new: "		Acquired"},
	},
	{
		name: "V1: after a conflict, the value of the record that was seen first", tests: onValues,
		edit: edit{
			file: "lease/protocol.go",
			old:  "			if ours, err = succeed(ctx, now, req); err != nil {",
			new:  "			first := ours.Value\n			ours, err = succeed(ctx, now, req)\n			if ours.Value = first; err != nil {",
		},
	},
	{
		name: "V2: the answer to an older renewal takes a value back that was set since", tests: onValues,
		edit: edit{file: "value.go", old: "		renewed.Value, renewed.Attributes, renewed.ValueNumber = h.held.Value,", new: "		renewed.Attributes, renewed.ValueNumber ="},
	},
	{
		name: "V2: a release carries the value that was acknowledged last", tests: onValues,
		edit: edit{
			file: "release.go",
			old:  "	h.held.Next = r.leader.nextNode()",
			new:  "	h.held.Value, h.held.Attributes, h.held.ValueNumber = h.good.Value, h.good.Attributes, h.good.ValueNumber\n	h.held.Next = r.leader.nextNode()",
		},
		also: []edit{
			{file: "holding.go", old: "	held   lease.Lease //", new: "	good   lease.Lease\n	held   lease.Lease //"},
			{file: "holding.go", old: "term: keeper.Term(), held: held,", new: "term: keeper.Term(), held: held, good: held,"},
			{file: "holding.go", old: "		h.took(a.value)\n", new: "		h.took(a.value)\n		h.good = a.value\n"},
		},
	},
	{
		name: "V2: a lease that is left to run out leaves out what was noted", deaf: true, tests: onValues,
		edit: edit{file: "term.go", old: "		t.holding.storeLast()\n", new: ""},
	},
	{
		name: "V2: a value whose answer is unclear counts as not set", tests: onValues,
		edit: edit{
			file: "holding.go",
			old:  "		h.settle(h.sent, a.err)\n",
			new:  "		if len(h.waiting) > 0 {\n			h.held.Value = \"\"\n		}\n		h.settle(h.sent, a.err)\n",
		},
	},
	{
		name: "V3: a late renewal takes a newer value back", tests: onValues,
		edit: edit{file: "lease/protocol.go", old: "		ours.keepNewer(now.record)\n", new: ""},
	},
	{
		name: "V3: a late release takes a newer value back", tests: onValues,
		edit: edit{file: "lease/protocol.go", old: "		free.keepNewer(now.record)\n", new: ""},
	},
	{
		name: "V3: the number does not grow with each change", tests: onValues,
		edit: edit{file: "value.go", old: "	h.held.ValueNumber++\n", new: "	h.held.ValueNumber = 1\n"},
	},
	{
		name: "V1: an acquisition on Azure forgets the value", deaf: true, tests: onAzure,
		edit: edit{file: "lease/azblob/manager.go", old: ", value: seen.value, // V1", new: ","},
	},
	{
		name: "V1: undoing an acquisition on Azure forgets the value", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/manager.go",
			old:  "		_, err := b.SetMetadata(ctx, seen.encode(seen.others), &blob",
			new:  "		seen.value = \"\"\n		_, err := b.SetMetadata(ctx, seen.encode(seen.others), &blob",
		},
	},
	{
		name: "V2: a release on Azure leaves out a value that is not stored", deaf: true, tests: onAzure,
		edit: edit{file: "lease/azblob/hold.go", old: "held.ValueNumber > was.number ||", new: "held.ValueNumber > was.number && ctx == nil ||"},
	},
	{
		name: "V2: a renewal on Azure whose value could not be stored has succeeded", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/hold.go",
			old:  "	return m.keep(ctx, held, was, *renewed.ETag) // which the proof requires\n",
			new:  "	if kept, err := m.keep(ctx, held, was, *renewed.ETag); err == nil {\n		return kept, nil\n	}\n	return held, nil\n",
		},
	},
	{
		name: "V3: a late write to Azure takes a newer value back", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/value.go",
			old:  "		was = ours.adopt(now, held)\n	}\n	return",
			new:  "		was = now.stored()\n		was.number = min(was.number, ours.number-1)\n	}\n	return",
		},
	},
	{
		name: "V3: a write to Azure lands whatever the blob has", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/value.go",
			old:  "		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &was.etag},\n",
			new:  "		ModifiedAccessConditions: &blob.ModifiedAccessConditions{},\n",
		},
	},
	{
		name: "record: a value on Azure drops other programs' metadata", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/value.go",
			old:  "[]byte(r.value), r.encode(was.others), only)",
			new:  "[]byte(r.value), r.encode(nil), only)",
		},
	},
	{
		name: "record: programs that do not know values read a blob that has one", deaf: true, tests: onAzure,
		edit: edit{file: "lease/azblob/metadata.go", old: "		return formatValue\n", new: "		return formatPlain\n"},
	},
	{
		name: "R4: a lease on Azure that ran out while its value was sent is lost", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/hold.go",
			old:  "	case unclear && (err != nil || ours && now.state != lease.Free):",
			new:  "	case unclear && err != nil:",
		},
	},
	{
		name: "K1: Open reads, and does not claim", deaf: true, tests: onCheckpoints,
		edit: edit{file: "checkpoint/cell.go", old: "		version, err = c.swap(ctx, version, mine)\n", new: ""},
	},
	{
		name: "K1: a greater token is no matter", deaf: true, tests: onCheckpoints,
		edit: edit{file: "checkpoint/open.go", old: "	case found.Token > c.term.Token():", new: "	case found.Token > c.term.Token() && version == \"\":"},
	},
	{
		name: "K2: a conflict is written over, also another writer's", deaf: true, tests: onCheckpoints,
		edit: edit{file: "checkpoint/checkpoint.go", old: "		case found.Writer != next.Writer:", new: "		case found.Writer == \"\":"},
	},
	{
		name: "K2: a write counts as the one before, if that failed", deaf: true, tests: onCheckpoints,
		edit: edit{
			file: "checkpoint/checkpoint.go",
			old:  "		err = c.store(ctx, c.last)\n",
			new:  "		if err = c.store(ctx, c.last); err != nil {\n			c.last.Count--\n		}\n",
		},
	},
	{
		name: "K2: a work that only notes is not told that others have its checkpoint", deaf: true, tests: onCheckpoints,
		edit: edit{file: "checkpoint/note.go", old: "cmp.Or(c.lost, c.term.Check())", new: "cmp.Or(c.term.Check())"},
	},
	{
		name: "Every: a store that refuses at once is asked without a rest", deaf: true, tests: onCheckpoints,
		edit: edit{file: "checkpoint/note.go", old: "max(c.every, rest(c.fails))", new: "max(c.every, rest(0))"},
	},
	{
		name: "BeforeEnd: what is noted is not written when the term ends", deaf: true, tests: onCheckpoints,
		edit: edit{file: "checkpoint/note.go", old: "c.term.BeforeEnd(c.end)", new: "func() {}, true"},
	},
	{
		name: "BeforeEnd: it runs when the term is over", deaf: true, tests: onValues,
		edit: edit{
			file: "term.go", old: "	t.flush()\n", new: "",
		},
	},
	{
		name: "record: programs that do not know values may drop one", tests: onValues,
		edit: edit{file: "lease/record.go", old: "		return formatValue\n", new: "		return formatPlain\n"},
	},
}
