package explore

// flaws are faults that tests put into the store, the machines and the nodes' program, to see that the explorer finds them.
// The zero value has none.
type flaws struct {
	unconditional   bool // the store writes whatever the cell holds
	forgetful       bool // the store deletes released records
	ageingAges      bool // the store reports a greater Age than it can prove
	hiddenSleep     bool // no clock shows that a machine slept
	wallForMono     bool // the monotonic clock shows what the wall clock shows
	countFromAnswer bool // the holder counts from the answer, not from before the request (R2)
	noMargin        bool // the holder uses all of the lease's length
	earlyRelease    bool // the lease is released while the work goes on (R8)
	unnumbered      bool // the value changes, and its number does not (V3)
}
