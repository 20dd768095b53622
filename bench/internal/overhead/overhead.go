// Package overhead measures what this library adds to the SDK calls that it makes, in time and in allocations.
package overhead

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/cloudlease/leader/bench/internal/overhead/alone"
	"github.com/cloudlease/leader/bench/internal/overhead/paired"
)

// Options say what to measure. The zero Options measure all services.
type Options struct {
	Services []string                      // dynamodb, s3, gcs, azblob; none: all
	Pairs    int                           // of each call; 0: 1,000 for DynamoDB and S3, whose emulator is slow, and 2,000 for the others
	Seed     uint64                        // of the order within each pair, and of the intervals
	Log      func(format string, a ...any) // progress; nil: none
}

// Goals of the design.
const (
	mostRatio       = 1.05 // of the medians of the library's call and of the bare one
	mostAllocations = 9    // of a renewal, without the SDK's
)

// A Result is all that was measured.
type Result struct {
	Services []Service    `json:"services"`
	Alone    []alone.Cost `json:"alone"` // the protocol over a store that answers at once
}

// A Service keeps leases.
type Service struct {
	Name  string `json:"name"`
	Calls []Call `json:"calls"`
}

// A Call is a call of a manager, beside the bare SDK calls that it makes.
type Call struct {
	Name string            `json:"name"`
	Time paired.Comparison `json:"time"`
	Bare Memory            `json:"bare"`
	Ours Memory            `json:"ours"`
}

// Memory says how much one call allocates, on average, in the whole process.
type Memory struct {
	Allocations float64 `json:"allocations"`
	Bytes       float64 `json:"bytes"`
}

// A step is a call to be measured, with what has to be done before and after it and is not measured; nil: nothing.
type step struct {
	before, do, after func(ctx context.Context) error
}

// steps are one way to use a place. Each step sends one or more requests.
type steps struct {
	renew   step // a lease that is held all the time
	poll    step // ask for a lease that another node holds, in vain
	acquire step // take a free lease; it is released after the step
}

// A service opens a place, and returns the two ways to use it.
type service struct {
	name  string
	pairs int
	open  func(ctx context.Context) (bare, ours steps, remove func(context.Context) error, err error)
}

var services = []service{
	{"dynamodb", 1000, openDynamoDB}, {"s3", 1000, openS3}, {"gcs", 2000, openGCS}, {"azblob", 2000, openAzure},
}

// Measure needs the emulators of the services.
func Measure(ctx context.Context, o Options) (Result, error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	var r Result
	for _, s := range services {
		if len(o.Services) > 0 && !slices.Contains(o.Services, s.name) {
			continue
		}
		if o.Pairs > 0 {
			s.pairs = o.Pairs
		}
		measured, err := s.measure(ctx, o)
		if err != nil {
			return Result{}, fmt.Errorf("overhead: %s: %w", s.name, err)
		}
		r.Services = append(r.Services, measured)
	}
	if len(r.Services) == 0 {
		return Result{}, fmt.Errorf("overhead: none of the services %q is known: use dynamodb, s3, gcs and azblob", o.Services)
	}
	o.Log("the library alone")
	var err error
	if r.Alone, err = alone.Measure(); err != nil {
		return Result{}, fmt.Errorf("overhead: %w", err)
	}
	return r, nil
}

func (s service) measure(ctx context.Context, o Options) (result Service, err error) {
	bare, ours, remove, err := s.open(ctx)
	if remove != nil {
		defer func() { err = errors.Join(err, remove(ctx)) }()
	}
	if err != nil {
		return Service{}, err
	}
	result.Name = s.name
	for _, c := range []struct {
		name       string
		bare, ours step
	}{{"renew", bare.renew, ours.renew}, {"poll", bare.poll, ours.poll}, {"acquire", bare.acquire, ours.acquire}} {
		call, err := s.compare(ctx, c.name, c.bare, c.ours, o)
		if err != nil {
			return Service{}, fmt.Errorf("%s: %w", c.name, err)
		}
		result.Calls = append(result.Calls, call)
	}
	return result, nil
}

// warmUp is how many pairs are taken first and not counted, while connections are made and caches filled.
const warmUp = 20

func (s service) compare(ctx context.Context, name string, bare, ours step, o Options) (Call, error) {
	o.Log("%s: %s, %d pairs", s.name, name, s.pairs)
	if _, err := paired.Take(ctx, warmUp, o.Seed, bare.time, ours.time); err != nil {
		return Call{}, err
	}
	pairs, err := paired.Take(ctx, s.pairs, o.Seed, bare.time, ours.time)
	if err != nil {
		return Call{}, err
	}
	c := Call{Name: name, Time: pairs.Compare(o.Seed)}
	if c.Bare, err = bare.memory(ctx); err != nil {
		return Call{}, err
	}
	c.Ours, err = ours.memory(ctx)
	return c, err
}

// run does the step. It calls begin and end just before and after what is measured.
func (s step) run(ctx context.Context, begin, end func()) error {
	if s.before != nil {
		if err := s.before(ctx); err != nil {
			return err
		}
	}
	begin()
	err := s.do(ctx)
	end()
	if err == nil && s.after != nil {
		err = s.after(ctx)
	}
	return err
}

func (s step) time(ctx context.Context) (took time.Duration, err error) {
	var from time.Time
	err = s.run(ctx, func() { from = time.Now() }, func() { took = time.Since(from) })
	return took, err
}

// memory returns the average of fifty calls.
func (s step) memory(ctx context.Context) (m Memory, err error) {
	const n = 50
	var before, after runtime.MemStats
	for range n {
		err := s.run(ctx, func() { runtime.ReadMemStats(&before) }, func() { runtime.ReadMemStats(&after) })
		if err != nil {
			return Memory{}, err
		}
		m.Allocations += float64(after.Mallocs-before.Mallocs) / n
		m.Bytes += float64(after.TotalAlloc-before.TotalAlloc) / n
	}
	return m, nil
}
