package explore

// The store is one cell with a compare-and-swap.

// arrive lets a node's request reach the store, and reports whether the store took a write.
func (x *explorer) arrive(s *state, n *node) (took bool, err error) {
	n.stage = back
	if !n.request.swap {
		n.reply = reply{record: s.cell, age: s.age}
		n.age = 0
		if x.ageingAges && !s.cell.missing() {
			n.reply.age++
		}
		return false, nil
	}
	old, data := n.asked()
	age := n.age
	n.age = 0
	if !x.accepts(s, old) {
		n.reply = reply{conflict: true}
		return false, nil
	}
	n.reply = reply{record: data}
	return true, x.write(s, data, age)
}

func (x *explorer) accepts(s *state, old record) bool { return s.cell == old || x.unconditional }

// write puts a record in the cell, and checks R5 and R6 against the record before.
func (x *explorer) write(s *state, data record, age uint8) error {
	was := s.cell
	s.cell, s.age = data, age
	if data.released && x.forgetful {
		s.cell = record{}
	}
	if !was.missing() {
		if err := checkValue(was, data); err != nil {
			return err
		}
	}
	switch {
	case was.missing() || was.id() == data.id() && was.token == data.token:
		return nil
	case data.released && was.id() != data.id():
		return broken("R6: a release takes token %d from somebody else", was.token)
	case data.token < was.token:
		return broken("R5: token %d is replaced by token %d", was.token, data.token)
	case data.token == was.token || was.id() == data.id():
		return broken("R5: an acquisition with token %d is followed by one with token %d", was.token, data.token)
	}
	return nil
}

// checkValue checks V1 and V3: an acquisition inherits the value, and within a term it goes forward.
func checkValue(was, data record) error {
	switch same := was.id() == data.id(); {
	case !same && (data.value != was.value || data.number != 0):
		return broken("V1: an acquisition with token %d does not inherit the value", data.token)
	case same && data.number < was.number:
		return broken("V3: a write takes the value of token %d back", data.token)
	case same && data.number == was.number && data.value != was.value:
		return broken("V3: two values of token %d have one number", data.token)
	}
	return nil
}
