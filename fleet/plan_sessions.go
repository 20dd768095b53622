package fleet

// names reports whether the plan names the session: as the owner of a part, or as the one that may still work on it.
func (p *plan) names(s session) bool {
	if p == nil || s == (session{}) {
		return false
	}
	for _, e := range p.Parts {
		if e.Owner == s || e.From == s {
			return true
		}
	}
	return false
}

// sessionsBySeat returns the sessions that the plan names, hints included.
func (p *plan) sessionsBySeat() map[int][]session {
	seen := map[session]bool{{}: true}
	bySeat := map[int][]session{}
	add := func(s session) {
		if !seen[s] {
			seen[s] = true
			bySeat[s.Seat] = append(bySeat[s.Seat], s)
		}
	}
	for _, e := range p.Parts {
		add(e.Owner)
		add(e.From)
	}
	for _, s := range p.Seated {
		add(s)
	}
	return bySeat
}

// givers returns the seats of the sessions that may still work on parts of others.
func (p *plan) givers() map[int]bool {
	seats := map[int]bool{}
	for _, e := range p.Parts {
		if e.From != (session{}) {
			seats[e.From.Seat] = true
		}
	}
	return seats
}
