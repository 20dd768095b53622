package main

// onValues are the packages whose tests look at a lease's value.
var onValues = []string{"./lease", "."}

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
		edit: edit{file: "value.go", old: "	if h.held.ValueNumber > renewed.ValueNumber {", new: "	if h.held.ValueNumber < renewed.ValueNumber {"},
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
		name: "record: programs that do not know values may drop one", tests: onValues,
		edit: edit{file: "lease/record.go", old: "		return formatValue\n", new: "		return formatPlain\n"},
	},
}
