package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/internal/emulated"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// heed acquires a lease for a holder that acts on hand-overs.
func (s shelf) heed(t testing.TB, name, holder string, length time.Duration) lease.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), lease.Request{Name: name, Holder: holder, Length: length, RenewEvery: length / 3, Heeds: []string{lease.WishHandover}})
	require.NoError(t, err)
	return l
}

// runs lets nodes campaign for a lease, the first of which leads.
func (s shelf) runs(t testing.TB, name string, nodes ...string) {
	t.Helper()
	for _, node := range nodes {
		ctx, cancel := context.WithCancel(context.Background())
		leads, ended := make(chan struct{}, 100), make(chan error, 1)
		l := leader.New(leader.WithLeaseManager(s), leader.WithLeaseName(name), leader.WithNodeID(node), leader.WithLeaseLength(6*time.Second), leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WithRenewEvery(200*time.Millisecond), leader.WithAcquireEvery(500*time.Millisecond),
			leader.WhenStarted(func(ctx context.Context) error {
				leads <- struct{}{}
				<-ctx.Done()
				return nil
			}))
		go func() { ended <- l.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			require.NoError(t, <-ended)
		})
		if node == nodes[0] {
			<-leads
		}
	}
}

func TestHandover(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.runs(t, "a", "one", "two", "three")
	o := s.run(t, "handover", "a", "--to", "three", "--yes")
	o.Want(t, 0, "")
	require.Contains(t, o.Out, "holder        one")
	require.Regexp(t, `Asked. one begins at its next renewal, within \S+\.\nHanded over. three leads, with token 2, \S+s after it was asked for.\n$`, o.Out)
	require.Equal(t, "three", s.inspect(t, "a").Holder)

	o = s.run(t, "handover", "a", "--to", "three")
	o.Want(t, 0, "")
	require.Contains(t, o.Out, "three leads already: there is nothing to do.")
}

// Nobody checks whether the node is there: then another one leads, and the command says so.
func TestHandoverToANodeThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.runs(t, "a", "one", "two")
	o := s.run(t, "handover", "a", "--to", "nowhere", "--yes")
	o.Want(t, exitOther, "one has given the lease up, and two leads, with token 2, instead of nowhere, which has not asked for the lease in time")
}

// A node that is nowhere in the history may be a slip of the keys: the nodes that have led are named. A lease that is new tells nothing.
func TestHandoverToANodeThatHasNeverLed(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	never := func(to string) string {
		return s.run(t, "handover", "a", "--to", to).Out
	}
	held := s.heed(t, "a", "node-b", time.Hour)
	require.NotContains(t, never("node-x"), "has not led")
	for _, next := range []string{"node-a", "node-b", "node-c"} {
		require.NoError(t, s.Release(t.Context(), held))
		held = s.heed(t, "a", next, time.Hour)
	}
	require.Contains(t, never("node-x"), "\nnode-x has not led in the last 4 terms. Those that have: node-a, node-b, node-c.\n")
	out := never("node-a")
	require.NotContains(t, out, "has not led")
	require.Contains(t, out, "\nNobody checks that node-a is there and well")
}

// The command says for how long nobody leads at most, if the node that was named is not there. At the default acquire interval, that is so:
// each other node sees the release within an interval, and yields for as long as it says.
func TestHandoverSaysHowLongNobodyLeads(t *testing.T) {
	t.Parallel()
	store := memory.NewStore()
	synctest.Test(t, func(t *testing.T) {
		for _, length := range []time.Duration{3 * time.Second, leader.DefaultLeaseLength, 5 * time.Minute} {
			name := length.String()
			held, err := lease.NewManager(store).Acquire(t.Context(), lease.Request{Name: name, Holder: "one", Length: length})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			leads, ended := make(chan time.Time, 1), make(chan error, 1)
			l := leader.New(leader.WithLeaseManager(lease.NewManager(struct{ lease.Store }{store})), leader.WithLeaseName(name), leader.WithNodeID("two"), leader.WithLeaseLength(length),
				leader.WithLogger(slog.New(slog.DiscardHandler)), leader.WhenStarted(func(ctx context.Context) error {
					leads <- time.Now()
					<-ctx.Done()
					return nil
				}))
			go func() { ended <- l.Run(ctx) }()
			time.Sleep(time.Millisecond) // it has just looked
			held.Next = "nowhere"
			require.NoError(t, lease.NewManager(store).Release(t.Context(), held))
			released := time.Now()
			took := (<-leads).Sub(released)
			require.LessOrEqual(t, took, unled(length))
			require.Greater(t, took, unled(length)/2, "it is not said to be much longer than it is")
			cancel()
			require.NoError(t, <-ended)
		}
	})
}

// Who cannot be asked is not, and nothing changes.
func TestHandoverRefused(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	s.needToTell(t)
	for name, says := range map[string]string{
		"never": "nobody holds the lease", "free": "nobody holds the lease", "expired": "nobody holds the lease", "broken": "nobody holds the lease",
		"held": `its holder "node-1" does not act on wishes of the kind "handover": update the program that it runs`, "notes": "not a lease record",
	} {
		s.run(t, "handover", name, "--to", "b", "--yes").Want(t, exitFailed, says)
	}
	s.heed(t, "asked", "one", time.Hour)
	s.run(t, "handover", "asked", "--to", "b", "--yes", "--wait=false").Want(t, 0, "")
	s.run(t, "handover", "asked", "--to", "c", "--yes").Want(t, exitFailed, `another wish stands (handover to "b", asked by `)
	s.run(t, "handover", "asked", "--to", "b").Want(t, exitUsage, "give --yes")
	s.run(t, "handover", "asked").Want(t, exitUsage, "--to is missing")
	s.run(t, "handover", "asked", "--to", "b\n").Want(t, exitUsage, "control character")
	s.run(t, "handover", "asked", "--to", "b", "--cancel").Want(t, exitUsage, "give one of them")
}

// Another holder may have the lease by the time somebody has answered: it is not asked.
func TestHandoverOfAnother(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	l := s.heed(t, "a", "one", time.Hour)
	seen := s.inspect(t, "a")
	require.NoError(t, s.Release(t.Context(), l))
	s.heed(t, "a", "two", time.Hour)
	err := askFor(t.Context(), &store.Store{Manager: s}, seen, "b")
	require.ErrorIs(t, err, lease.ErrHeld)
	require.ErrorContains(t, err, "nothing was asked")
	require.Zero(t, s.inspect(t, "a").Wish)
	err = askFor(t.Context(), &store.Store{Manager: struct{ lease.Manager }{s}}, seen, "b")
	require.ErrorContains(t, err, "nobody can be asked through this store")
}

func TestHandoverCancel(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	l := s.heed(t, "a", "one", time.Hour)
	s.run(t, "handover", "a", "--to", "b", "--yes", "--wait=false").Want(t, 0, "")
	o := s.run(t, "status", "a")
	require.Regexp(t, `wish +handover to "b", asked by ".+": asked\n`, o.Out)
	require.Regexp(t, `"wish":{"kind":"handover","for":"b","by":".+","at":".+","state":"asked"}`, s.run(t, "status", "a", "--json").Out)
	o = s.run(t, "handover", "a", "--cancel")
	o.Want(t, 0, "")
	require.Contains(t, o.Out, "Taken back. one leads on.\n")
	require.NotContains(t, s.run(t, "status", "a").Out, "wish")
	o = s.run(t, "handover", "a", "--cancel")
	o.Want(t, 0, "")
	require.Contains(t, o.Out, "there is nothing to take back")

	l, err := s.Renew(t.Context(), l)
	require.NoError(t, err)
	s.run(t, "handover", "a", "--to", "b", "--yes", "--wait=false").Want(t, 0, "")
	_, err = s.Renew(t.Context(), l)
	require.NoError(t, err)
	s.run(t, "handover", "a", "--cancel").Want(t, exitFailed, "acts on the wish already")
}

// On each service: the holder is asked by one process, and hands over in another. It may drop what it is asked, and then the command says so.
func TestHandoverOnServices(t *testing.T) {
	for _, service := range emulator.Services {
		t.Run(string(service), func(t *testing.T) {
			t.Parallel()
			url := emulated.Make(t, service).URL
			m, err := lease.Open(t.Context(), url)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, lease.Close(m)) })
			s := shelf{url: url, Manager: m}
			l := s.heed(t, "a", "one", time.Minute)
			ask := func() (*spawn.Process, lease.Lease) {
				p := spawn.Start(t, commandtest.Command(t, "handover", "a", "--to", "b", "--yes", "--store", url))
				p.After("Asked.")
				l, err := m.Renew(t.Context(), l)
				require.NoError(t, err)
				require.Equal(t, []any{"b", lease.WishBegun}, []any{l.Wish.For, l.Wish.State})
				return p, l
			}
			p, held := ask()
			held.Wish = lease.Wish{}
			l, err = m.Renew(t.Context(), held)
			require.NoError(t, err)
			require.ErrorContains(t, p.Wait(), "exit status 1")

			p, held = ask()
			held.Next = "b"
			require.NoError(t, m.Release(t.Context(), held))
			l, err = m.Acquire(t.Context(), lease.Request{Name: "a", Holder: "b", Length: time.Minute})
			require.NoError(t, err)
			require.Zero(t, l.Wish)
			require.NoError(t, p.Wait())
		})
	}
}
