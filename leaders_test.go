package leader_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

func TestWaitForLeader(t *testing.T) {
	inWorld(t, func(w *world) {
		b := w.node("b")
		require.NoError(t, b.Pause(background))
		b.run()
		soon, cancel := context.WithTimeoutCause(background, length, errors.New("too long"))
		defer cancel()
		_, err := b.WaitForLeader(soon)
		require.EqualError(t, err, "too long", "nobody leads")

		a := w.node("a").run()
		token := a.leads().Token()
		for _, n := range []*node{a, b} {
			info, err := n.WaitForLeader(background)
			require.NoError(t, err)
			assert.Equal(t, "a", info.Holder)
			assert.Equal(t, token, info.Token)
		}
		require.NoError(t, b.stop())
		require.NoError(t, a.stop())
		ended, cancel := context.WithCancel(background)
		cancel()
		_, err = a.WaitForLeader(ended)
		require.ErrorIs(t, err, context.Canceled, "what it knew before its Run is old")
	})
}

func TestLeaders(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.node("a"), w.node("b")
		var heard []string
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		left := make(chan struct{})
		go func() {
			defer close(left)
			for info := range b.Leaders(ctx) {
				heard = append(heard, info.State.String()+" "+info.Holder)
			}
		}()
		a.run().leads()
		b.run()
		time.Sleep(10 * length)
		require.NoError(t, a.StepDown(background))
		b.leads()
		time.Sleep(10 * length)
		for range b.Leaders(background) {
			break // leaving the loop ends it: else the test would not
		}
		require.NoError(t, b.stop())
		synctest.Wait()
		assert.Equal(t, []string{lease.Held.String() + " a", lease.Held.String() + " b", lease.Free.String() + " b"}, heard)
		cancel()
		<-left
	})
}

// The leader's address is news, too: a node that leads may publish it only when it is ready.
func TestLeaders_TellsOfAttributes(t *testing.T) {
	inWorld(t, func(w *world) {
		a, works := w.keeper("a")
		b := w.node("b")
		ctx := <-worksOf(a, works)
		b.run()
		var heard [2][]string
		for i, n := range []*node{a, b} {
			go func() {
				for info := range n.Leaders(ctx) {
					heard[i] = append(heard[i], info.Attributes["addr"])
				}
			}()
			time.Sleep(length)
		}
		for _, addr := range []string{"one", "one", "two"} {
			require.NoError(t, leader.SetAttributes(ctx, map[string]string{"addr": addr}))
			require.NoError(t, leader.SetValue(ctx, "of "+addr))
			time.Sleep(length)
		}
		synctest.Wait()
		for i, n := range []*node{a, b} {
			require.Equal(t, []string{"", "one", "two"}, heard[i])
			for n.events != nil {
				select {
				case e := <-n.events:
					if h, ok := e.(leader.HolderEvent); ok {
						require.Empty(t, h.Seen.Attributes, "the holder is the same")
					}
				default:
					n.events = nil
				}
			}
		}
	})
}
