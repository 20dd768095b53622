package fleet_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
)

// A part does not wait for a function of lease.BeforeEnd that goes on after its context has ended, whether the work was cancelled or not.
func TestWork_BeforeEndHangs(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		release := make(chan struct{})
		defer close(release)
		var log bytes.Buffer
		a := f.Join("a", func(ctx context.Context, part string) error {
			lease.BeforeEnd(ctx, func(ctx context.Context) {
				if part != "0" {
					<-release
				}
				<-ctx.Done()
			})
			if part != "1" {
				<-ctx.Done()
			}
			return nil
		}, fleet.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		f.Settle()
		i := slices.IndexFunc(a.Status().Parts, func(p fleet.PartStatus) bool { return p.Part == "1" })
		require.Equal(t, fleet.Done, a.Status().Parts[i].State)
		f.Join("b", fleettest.Wait)
		left := make(chan error, 1)
		go func() { left <- a.Leave() }()
		f.Settle()
		require.Equal(t, map[string]int{"b": 12}, f.Loads())
		require.Len(t, left, 1)
		require.NoError(t, <-left)
		require.Equal(t, 11, strings.Count(log.String(), "has not returned"), "one of them keeps to its context")
	})
}

// The context of a function of lease.BeforeEnd carries the part's term, and ends with it.
func TestWork_BeforeEndHasTheTerm(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		returns, terms := make(chan struct{}), make(chan lease.Term, 2)
		a := f.Join("a", func(ctx context.Context, part string) error {
			if part != "0" {
				<-ctx.Done()
				return nil
			}
			lease.BeforeEnd(ctx, func(ctx context.Context) {
				term, _ := lease.TermFrom(ctx)
				terms <- term
				<-ctx.Done()
				terms <- term
			})
			<-returns
			return nil
		}, fleet.WithEndTimeout(10*length))
		f.Settle()
		close(returns)
		term := <-terms
		require.Equal(t, "ships/parts/0", term.Name())
		a.Store.Set(leadertestCutOff)
		began := time.Now()
		require.Equal(t, term, <-terms)
		require.LessOrEqual(t, time.Since(began), length)
		require.ErrorIs(t, term.Check(), lease.ErrLost)
	})
}

// A panic of a function of lease.BeforeEnd that was left behind is logged.
func TestWork_BeforeEndPanicsLate(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var log bytes.Buffer
		release := make(chan struct{})
		f.Join("a", func(ctx context.Context, part string) error {
			if part == "0" {
				lease.BeforeEnd(ctx, func(context.Context) {
					<-release
					panic("out of luck")
				})
				return nil
			}
			<-ctx.Done()
			return nil
		}, fleet.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		f.Settle()
		close(release)
		synctest.Wait()
		require.Contains(t, log.String(), "has not returned: the node goes on without it")
		require.Contains(t, log.String(), `panic="out of luck"`)
		require.Equal(t, map[string]int{"a": 11}, f.Loads(), "the node goes on")
	})
}
