package lease

// A holder that releases its lease may name the next one. That is a courtesy and decides nothing: a node that does not yield, such as
// one of an older program, takes the lease as any that is free.

// leftTo returns the error for a request that leaves a free lease to the node that its last holder named; nil if there is none, or
// its time has passed.
func (c cell) leftTo(req Request) error {
	left := req.Yield - c.stood
	if !c.Released || c.Next == "" || c.Next == req.Holder || left <= 0 {
		return nil
	}
	info := c.info(req.Name)
	info.RetryAfter = left
	return &HeldError{Info: info}
}
