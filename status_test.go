package leader_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// What Status and events show is the caller's own: to change it publishes nothing, and races with nobody.
func TestStatus_SharesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		attributes := map[string]string{"addr": "a"}
		a := w.node("a", leader.WithAttributes(attributes), leader.WithObserver(func(e leader.Event) {
			if h, ok := e.(leader.HolderEvent); ok {
				spoil(h.Seen)
			}
		})).run()
		a.leads()
		b := w.node("b")
		b.runsOnce()
		by, _ := errors.AsType[*lease.HeldError](<-b.result)
		before, known, inStore := a.Status().Seen, b.Status().Seen, w.look()
		assert.Equal(t, 2, spoil(a.Status().Seen), "an attribute and a kind of wish")
		spoil(by.Info)
		for info := range a.Leaders(t.Context()) {
			spoil(info)
			break
		}
		attributes["addr"] = "option"
		time.Sleep(2 * every)
		assert.Equal(t, inStore.Attributes, w.look().Attributes)
		assert.Equal(t, inStore.Heeds, w.look().Heeds)
		assert.Equal(t, before.Attributes, a.Status().Seen.Attributes)
		assert.Equal(t, before.Heeds, a.Status().Seen.Heeds)
		assert.Equal(t, known, b.Status().Seen)
		assert.Equal(t, leader.Leading, a.Status().State)
	})
}

// Leaders and WithWake share nothing either, also while this node looks for news.
func TestStatus_SharesNothingWithWhoListens(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.nodeDoing("a", func(ctx context.Context) error {
			time.Sleep(5 * length)
			assert.NoError(t, leader.SetAttributes(ctx, map[string]string{"addr": "b"}))
			<-ctx.Done()
			return nil
		}, leader.WithAttributes(map[string]string{"addr": "a"})).run()
		a.leads()
		spoils := func(ctx context.Context, seen lease.Info) {
			for ctx.Err() == nil {
				spoil(seen)
				time.Sleep(time.Second)
			}
		}
		b := w.node("b", leader.WithWake(func(ctx context.Context, seen lease.Info) error {
			spoils(ctx, seen)
			return context.Cause(ctx)
		})).run()
		ctx, cancel := context.WithTimeout(background, 10*length)
		defer cancel()
		var heard []string
		var listening sync.WaitGroup
		for info := range b.Leaders(ctx) {
			heard = append(heard, info.Attributes["addr"])
			listening.Go(func() { spoils(ctx, info) })
		}
		listening.Wait()
		require.Equal(t, []string{"a", "b"}, heard)
	})
}

// spoil changes all that an Info shares with its copies, and returns how many values that are.
func spoil(seen lease.Info) (changed int) {
	for _, field := range reflect.ValueOf(seen).Fields() {
		switch field.Kind() {
		case reflect.Map:
			for _, key := range field.MapKeys() {
				field.SetMapIndex(key, reflect.ValueOf("spoilt"))
				changed++
			}
		case reflect.Slice:
			for i := range field.Len() {
				field.Index(i).SetString("spoilt")
				changed++
			}
		case reflect.Pointer, reflect.Chan, reflect.Func:
			panic("an Info shares a " + field.Kind().String())
		}
	}
	return changed
}

// Since is when the state began that Status says, also of a term that has run out before anybody told.
func TestStatus_SinceOfATermThatRanOut(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("a").run()
		a.leads()
		a.machine.Suspend()
		time.Sleep(length)
		a.machine.Resume()
		seen := a.Status()
		assert.Equal(t, leader.Stopping, seen.State)
		assert.Equal(t, a.machine.Now(), seen.Since)
	})
}
