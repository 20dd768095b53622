package main

// wishes takes the rules out of what somebody asks of a holder.
var wishes = []mutation{
	{
		name: "R1: a wish counts as a renewal",
		edit: edit{file: "lease/watch.go", old: "r.Nonce != \"\" && before.nonce == r.Nonce", new: "before.nonce == \"-\""},
		deaf: true,
	},
	{
		name: "R1: records without a nonce are all one renewal",
		edit: edit{file: "lease/watch.go", old: "r.Nonce != \"\" && before.nonce == r.Nonce", new: "before.nonce == r.Nonce"},
		deaf: true,
	},
	{
		name: "R6: a dead acquisition lives when something is asked of it",
		edit: edit{file: "lease/watch.go", old: "min(before.since, since), before.ghost || s.ghost", new: "min(before.since, since), s.ghost"},
		deaf: true,
	},
	{
		name: "Wishes: the holder's renewal finds none",
		edit: edit{file: "lease/protocol.go", old: "wishOf(now.wish().FoundBy(held), held.Token)", new: "wish{}"},
		deaf: true,
	},
	{
		name: "Wishes: one of another term counts",
		edit: edit{file: "lease/wish_record.go", old: "r.Released || r.Wish.Token != r.Token", new: "r.Released"},
		deaf: true,
	},
	{
		name: "Wishes: one that was withdrawn is found",
		edit: edit{file: "lease/wish.go", old: "	if !w.Stands() || !slices", new: "	if !slices"},
		deaf: true,
	},
	{
		name: "Wishes: one of a kind is found that the holder does not heed",
		edit: edit{file: "lease/wish.go", old: "	if !w.Stands() || !slices.Contains(held.Heeds, w.Kind) {", new: "	if !w.Stands() {"},
		deaf: true,
	},
	{
		name: "Wishes: another holder is asked than was seen",
		edit: edit{file: "lease/wish.go", old: "	case now.ID != seen.ID || now.Token != seen.Token:\n		return false, &HeldError{Info: now}\n	case now.Wish.Stands()", new: "	case now.Wish.Stands()"},
		deaf: true,
	},
	{
		name: "Wishes: a dead holder is asked again and again",
		edit: edit{file: "lease/wish.go", old: "	case now.Wish.State != \"\":\n", new: "	case now.Wish.Stands():\n"},
		deaf: true,
	},
	{
		name: "Wishes: a holder is asked that is late",
		edit: edit{file: "lease/wish.go", old: "now.RenewEvery > 0 && now.Age >= 2*now.RenewEvery", new: "now.RenewEvery < 0"},
		deaf: true,
	},
	{
		name: "Wishes: one is withdrawn that was not found in time",
		edit: edit{file: "lease/wish.go", old: "now.RenewEvery > 0 && now.Age >= now.RenewEvery:", new: "now.RenewEvery < 0:"},
		deaf: true,
	},
	{
		name: "Wishes: one is withdrawn that was begun",
		edit: edit{file: "lease/wish.go", old: "	case now.Wish.State == WishBegun:", new: "	case now.Wish.State == \"-\":"},
		deaf: true,
	},
	{
		name: "Wishes: a hand-over that is asked for is not done",
		edit: edit{file: "asked.go", old: "	if refused == nil {\n", new: "	if refused != nil {\n"},
	},
	{
		name: "Wishes: a job that runs once can be asked to hand over", deaf: true,
		edit: edit{file: "campaign.go", old: "req.HoldAtLeast, req.Heeds = r.opts.holdAtLeast, nil", new: "req.HoldAtLeast = r.opts.holdAtLeast"},
	},
	{
		name: "Wishes: a node hands over to itself",
		edit: edit{file: "asked.go", old: "	if w.For == h.opts.node {", new: "	if w.For == \"-\" {"},
		deaf: true,
	},
	{
		name: "Wishes: the end of a term leaves its wish to the next, on Azure", deaf: true, tests: onAzure,
		edit: edit{file: "lease/azblob/metadata.go", old: "; its {\n", new: "; its || true {\n		_, text, _ = strings.Cut(ours[keyWish], \"+\")\n"},
	},
	{
		name: "Wishes: the holder's renewal on Azure does not look", deaf: true, tests: onAzure,
		edit: edit{file: "lease/azblob/value.go", old: "	if renewed != was.etag {", new: "	if renewed == \"-\" {"},
	},
	{
		name: "Wishes: a look that fails on Azure fails the renewal", deaf: true, tests: onAzure,
		edit: edit{file: "lease/azblob/value.go", old: "		case errors.Is(err, lease.ErrLost):\n			return lease.Lease{}, err\n", new: "		default:\n			return lease.Lease{}, err\n"},
	},
}

// histories takes out what keeps the histories of leases.
var histories = []mutation{
	{
		name: "History: an acquisition adds no term", deaf: true,
		edit: edit{file: "lease/protocol.go", old: "History: seen.historyAfter(stamp(h)),", new: "History: seen.History,"},
	},
	{
		name: "History: an acquisition that was undone is in it", deaf: true,
		edit: edit{file: "lease/protocol.go", old: "	case c.missing(), c.broken(), c.ghost, c.Undone:", new: "	case c.missing(), c.broken(), c.ghost:"},
	},
	{
		name: "History: a Break is a term", deaf: true,
		edit: edit{file: "lease/protocol.go", old: "	case c.missing(), c.broken(), c.ghost, c.Undone:", new: "	case c.missing(), c.ghost, c.Undone:"},
	},
	{
		name: "History: a dead acquisition is in it", deaf: true,
		edit: edit{file: "lease/protocol.go", old: "	case c.missing(), c.broken(), c.ghost, c.Undone:", new: "	case c.missing(), c.broken(), c.Undone:"},
	},
	{
		name: "History: a term that was broken ran out", deaf: true,
		edit: edit{file: "lease/protocol.go", old: "		t.How, t.Ended = EndBroken, now", new: "		t.How, t.Ended = EndExpired, now"},
	},
	{
		name: "History: a job that was left counts as a crash", deaf: true,
		edit: edit{file: "lease/history.go", old: "		return EndLeft\n", new: "		return EndExpired\n"},
	},
	{
		name: "History: a renewal forgets it", deaf: true, tests: []string{"./lease/memory"},
		edit: edit{file: "lease/protocol.go", old: "Number: l.ValueNumber, History: l.History,", new: "Number: l.ValueNumber,"},
	},
	{
		name: "History: it has no bound", deaf: true,
		edit: edit{file: "lease/record.go", old: "r.History == \"\" || len(data)+len(name) <= roomWithHistory", new: "len(data)+len(name) > 0"},
	},
	{
		name: "History: a wish takes its room", deaf: true,
		edit: edit{file: "lease/record.go", old: "bare.Value, bare.Wish = \"\", wish{}", new: "bare.Value = \"\""},
	},
	{
		name: "History: a damaged one makes the record unreadable", deaf: true,
		edit: edit{file: "lease/decode.go", old: "case \"hold_at_least\", \"heeds\", \"wish\", \"history\":", new: "case \"hold_at_least\", \"heeds\", \"wish\":"},
	},
	{
		name: "History: a holder's name is not escaped", deaf: true,
		edit: edit{file: "lease/history.go", old: "url.QueryEscape(t.Holder)", new: "t.Holder"},
	},
	{
		name: "History: part of a damaged one is read", deaf: true,
		edit: edit{file: "lease/history.go", old: "		if err != nil {\n			return nil\n		}\n		terms", new: "		if err != nil {\n			return terms\n		}\n		terms"},
	},
}
