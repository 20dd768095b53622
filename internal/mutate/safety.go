package main

// safety takes out rules that keep two nodes from leading, and keep reports about a lease true.
var safety = []mutation{
	{
		name: "R3: what is read one after another adds up, however often",
		edit: edit{
			file: "lease/instant.go",
			old:  "settleAfter = 10 * time.Millisecond",
			new:  "settleAfter = 0",
		},
	},
	{
		name: "R1: the time of a look is taken from the monotonic clock",
		edit: edit{
			file: "lease/watch.go",
			old:  "	took := now.Since(l.sent) ",
			new:  "	took := now.Mono - l.sent.Mono ",
		},
	},
	{
		name: "R1: a wall clock that is centuries off stands in for the monotonic one", deaf: true, tests: []string{"./internal/host"},
		edit: edit{
			file: "internal/host/host.go",
			old:  "	return !hasMonotonic(now) && ",
			new:  "	return !hasMonotonic(now) || now.IsZero() && ",
		},
	},
	{
		name: "R1: Break goes by when the answer to its look came",
		edit: edit{
			file: "lease/break.go",
			old:  "case now.broken(), now.shown() != Held:",
			new:  "case now.broken(), now.state() != Held:",
		},
	},
	{
		name: "C1: a manager remembers every lease that it has seen", deaf: true,
		edit: edit{
			file: "lease/watch.go",
			old:  "	if len(m.young) >= maxNames/2 {",
			new:  "	if len(m.young) < 0 {",
		},
	},
	{
		name: "record: a field in other letters is taken for it", deaf: true,
		edit: edit{
			file: "lease/decode.go",
			old:  "	if string(quoted[1:len(quoted)-1]) == name {",
			new:  "	if strings.EqualFold(string(quoted[1:len(quoted)-1]), name) {",
		},
	},
	{
		name: "record: of a field that stands twice the last counts", deaf: true,
		edit: edit{
			file: "lease/decode.go",
			old:  "			case v[i] == nil:",
			new:  "			case v[i] == nil || !isExtra(i):",
		},
	},
}
