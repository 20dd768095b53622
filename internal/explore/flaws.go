package explore

// flaws are what tests break, to see that it is noticed: of the store, of the machines and of the program of the nodes. The
// zero value breaks nothing.
type flaws struct {
	unconditional   bool // the store writes whatever the cell holds
	forgetful       bool // the store deletes what is released
	ageingAges      bool // the store tells a greater Age than it can prove
	hiddenSleep     bool // no clock shows that a machine slept
	wallForMono     bool // the monotonic clock is the wall clock
	countFromAnswer bool // the holder counts from the answer, not from before the request (R2)
	noMargin        bool // the holder uses all of the lease's length
	earlyRelease    bool // the lease is given back while the work goes on (R8)
}
