package fleet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/lease"
)

// The defaults of WithName and WithLeaseLength.
const (
	DefaultName        = "fleet"
	DefaultLeaseLength = leader.DefaultLeaseLength
)

const (
	// longestEnd bounds the default of WithEndTimeout.
	longestEnd = 5 * time.Second

	// forever is the longest time, as package leader has it, which holds the seat: no sum of a few overflows.
	forever = lease.Forever / 2
)

func newOptions(opts []Option) options {
	o := options{name: DefaultName, length: DefaultLeaseLength, weight: 1, assign: assign, decode: decodePlan}
	for _, set := range opts {
		if set == nil {
			set = option("nil", func(*options) {})
		}
		set(&o)
	}
	if absent.Is(o.manager) {
		o.manager = nil
	}
	if o.manager != nil {
		o.limits = lease.LimitsOf(o.manager)
	}
	if !o.has("WithNodeID") {
		o.node = leader.New().Status().Node // as of a leader that is given none
	}
	if !o.has("WithLeaseLength") {
		o.length = max(o.length, o.limits.MinLength)
	}
	if !o.has("WithInterval") {
		o.interval = max(o.length/lease.IntervalsPerLength, o.limits.WriteEvery, 1)
	}
	if !o.has("WithCalm") {
		o.calm = 2 * o.length
	}
	if !o.has("WithDrainTimeout") {
		o.drainTimeout = o.length
	}
	if !o.has("WithEndTimeout") {
		o.endTimeout = min(o.interval, longestEnd)
	}
	return o
}

func (o *options) has(name string) bool { return slices.Contains(o.given, name) }

func (o *options) setShards(n int) {
	if n < 1 || n > maxParts {
		o.wrong = append(o.wrong, fmt.Errorf("fleet: WithShards: %d shards: give 1 to %d", n, maxParts))
		return
	}
	shards := make([]string, n)
	for i := range shards {
		shards[i] = strconv.Itoa(i)
	}
	o.parts = sorted(shards)
}

// validate reports every invalid option at once. Package leader checks those that it has, too.
func (o *options) validate() error {
	problems := slices.Clone(o.wrong)
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf("fleet: "+format, args...))
		}
	}
	refuse(o.has("nil"), "New: an option is nil")
	refuse(o.work == nil, "WhenAssigned: there is no work: give a function to run for each part")
	refuse(o.manager == nil, "WithLeaseManager: there is no manager: say where the fleet's leases are")
	refuse(o.list == nil && o.has("WithPartsFrom"), "WithPartsFrom: the function is nil")
	refuse(o.health == nil && o.has("WithHealth"), "WithHealth: the function is nil")
	refuse(o.logger == nil && o.has("WithLogger"), "WithLogger: the logger is nil")
	refuse(slices.ContainsFunc(o.observers, func(f func(Event)) bool { return f == nil }), "WithObserver: the function is nil")
	refuse(slices.ContainsFunc(o.wakes, func(f func(context.Context, lease.Info) error) bool { return f == nil }), "WithWake: the function is nil")
	refuse(o.weight < 0, "WithWeight: %d is negative: 0 is a spare, 1 is usual", o.weight)
	refuse(o.weight > maxWeight, "WithWeight: %d is more than a million: weights are compared with each other, so smaller ones do", o.weight)
	refuse(o.capacity < 0, "WithCapacity: %d is negative: 0 is no bound", o.capacity)

	ways := 0
	for _, way := range []string{"WithShards", "WithParts", "WithPartsFrom"} {
		if o.has(way) {
			ways++
		}
	}
	refuse(ways == 0, "there are no parts: give one of WithShards, WithParts and WithPartsFrom")
	refuse(ways > 1, "the parts are given twice: give one of WithShards, WithParts and WithPartsFrom")
	refuse(o.has("WithParts") && len(o.parts) == 0, "WithParts: there are no parts: name one at least")
	refuse(strings.Contains(o.name, seatsBelow) || strings.Contains(o.name, "/parts/"), "WithName: %q contains /seats/ or /parts/, which the fleet's own leases have: choose another name", o.name)
	refuse(len(o.name) > maxName && len(o.name) <= lease.MaxName, "WithName: %.40q... has %d bytes, and %d at most leave room for the names of the fleet's seats", o.name, len(o.name), maxName)
	if err := checkParts(o.name, o.parts); err != nil {
		problems = append(problems, err)
	}
	o.validateTimes(refuse)
	if o.manager != nil {
		refuse(o.limits.MaxValue <= 0, "WithLeaseManager: this manager keeps no values, and the fleet's plan is one: use another store")
		refuse(!inspects(o.manager), "WithLeaseManager: this manager has no Inspect, and the coordinator looks at the seats: %w", errors.ErrUnsupported)
		seat := o.request(o.name)
		seat.Attributes = o.attributes
		if err := seat.Validate(o.limits); err != nil {
			problems = append(problems, fmt.Errorf("fleet: %q, node %q: %w", o.name, o.node, err))
		}
	}
	if len(problems) == 0 {
		return o.checkRecords()
	}
	return errors.Join(problems...)
}

func inspects(m lease.Manager) bool {
	type inspector interface {
		Inspect(ctx context.Context, name string) (lease.Info, error)
	}
	_, can := lease.Find[inspector](m)
	return can
}

// checkRecords reports what the fleet's records could not hold, whatever happens: what this node says in its seat, and a plan of its parts.
// Else a node would run, and be of no use, until somebody reads its log.
func (o *options) checkRecords() error {
	check := func(text string, err error) error {
		if err == nil {
			err = o.limits.CheckValue(text)
		}
		if err != nil {
			return fmt.Errorf("fleet: the fleet's leases cannot hold what these options ask for: %w", err)
		}
		return nil
	}
	first := &plan{Epoch: maxEpoch, Width: maxWidth, Version: o.version}
	for _, part := range o.parts {
		first.Parts = append(first.Parts, entry{Part: part, Token: 1})
	}
	return errors.Join(check(encodeSeat(o.saying(session{maxWidth, math.MaxUint64}, maxEpoch))), check(encodePlan(first)))
}

// saying returns what a session with these options says in its seat, as long as it stops nothing and does not drain.
func (o *options) saying(id session, epoch uint64) seatValue {
	return seatValue{Token: id.Token, Epoch: epoch, Weight: o.weight, Capacity: o.capacity, Name: o.node}
}

func (o *options) validateTimes(refuse func(wrong bool, format string, args ...any)) {
	for _, i := range []struct {
		option string
		d      time.Duration
		least  time.Duration
		zero   bool // is a value
	}{
		{"WithLeaseLength", o.length, leader.MinLeaseLength, false},
		{"WithInterval", o.interval, leader.MinInterval, false},
		{"WithPartsFrom", o.listEvery, leader.MinInterval, false},
		{"WithCalm", o.calm, time.Millisecond, true},
		{"WithStopTimeout", o.stopTimeout, time.Millisecond, true},
		{"WithDrainTimeout", o.drainTimeout, time.Millisecond, true},
		{"WithEndTimeout", o.endTimeout, time.Millisecond, false},
	} {
		given := o.has(i.option)
		refuse(given && i.d < 0, "%s: %v is negative", i.option, i.d)
		refuse(given && i.d == 0 && !i.zero, "%s: the time %v is not positive", i.option, i.d)
		refuse(given && i.d > 0 && i.d < i.least, "%s: %v is less than %v, the least: a number without a unit is nanoseconds: write 15*time.Second, say", i.option, i.d, i.least)
		refuse(given && i.d > forever, "%s: %v is more than fifty years, and times to come must not overflow: give less", i.option, i.d)
	}
	usable := o.length - lease.Margin(o.length)
	refuse(o.interval > 0 && o.length > 0 && 2*o.interval >= usable, "WithInterval: %v leaves no room for two attempts in the %v that a lease of %v holds", o.interval, usable, o.length)
	refuse(o.interval > 0 && o.interval < o.limits.WriteEvery, "WithInterval: %v is more often than the manager allows, once in %v", o.interval, o.limits.WriteEvery)
}

// checkParts reports what is wrong with a list of parts, which is sorted.
func checkParts(fleet string, parts []string) error {
	if len(parts) > maxParts {
		return fmt.Errorf("fleet: %d parts are too many: %d fit at most", len(parts), maxParts)
	}
	var problems []error
	for i, part := range parts {
		if i > 0 && parts[i-1] == part {
			problems = append(problems, fmt.Errorf("fleet: part %q is there twice", part))
		}
		if err := lease.CheckName(partLease(fleet, part)); part == "" || err != nil {
			problems = append(problems, fmt.Errorf("fleet: part %q: its name makes no lease name together with the fleet's: %w", part, errors.Join(err)))
		}
		if len(problems) == 3 {
			break // three show what is wrong
		}
	}
	return errors.Join(problems...)
}

func (o *options) request(name string) lease.Request {
	return lease.Request{Name: name, Holder: o.node, Length: o.length, RenewEvery: o.interval}
}

// SeatLease returns the name of the lease of a seat; seats are counted from 1. The coordinator's lease has the fleet's own name.
func SeatLease(fleet string, seat int) string { return fleet + seatsBelow + strconv.Itoa(seat) }

const seatsBelow = "/seats/"

// maxName is the longest name of a fleet, in bytes: the last seat that there can be has a lease, too.
const maxName = lease.MaxName - len(seatsBelow) - len("65536")

// SeatOf returns the fleet and the number of the seat whose lease has the name. It reports false of any other lease.
func SeatOf(name string) (fleet string, seat int, ok bool) {
	i := strings.LastIndex(name, seatsBelow)
	if i <= 0 {
		return "", 0, false
	}
	seat, err := strconv.Atoi(name[i+len(seatsBelow):])
	if fleet = name[:i]; err != nil || seat < 1 || seat > maxWidth || SeatLease(fleet, seat) != name {
		return "", 0, false
	}
	return fleet, seat, true
}

// partLease is the name of a part's term. There is no such lease: the seat holds.
func partLease(fleet, part string) string { return fleet + "/parts/" + part }
