package azblob

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/leasetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	leasetest.TestStores(t, func(t testing.TB) func() lease.Store {
		p := newPlace(t)
		return func() lease.Store { return NewStore(p.client(t, connectionString(), nil), WithPrefix("cells/")) }
	})
}

// A cell and a lease of one name are two blobs: writing the one leaves the other alone, its token and its holder.
func TestStore_BesideALease(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	cells, ok := lease.StoreOf(m)
	require.True(t, ok)
	held := acquire(t, m, "orders", "one")
	version, err := cells.Swap(t.Context(), "orders", "", []byte("a cell"))
	require.NoError(t, err)
	held, err = m.Renew(t.Context(), held)
	require.NoError(t, err)
	require.NoError(t, m.Release(t.Context(), held))
	_, err = cells.Swap(t.Context(), "orders", version, []byte("changed"))
	require.NoError(t, err)
	require.EqualValues(t, 1, p.token(t, "orders"))
	for info, err := range lease.List(t.Context(), m, "") {
		require.NoError(t, err)
		require.NoError(t, info.Err, "a cell is no lease that cannot be read")
		require.Equal(t, "orders", info.Name)
	}
}

func TestStore_Requests(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	counter := &wire.Counter{}
	cells := NewStore(p.client(t, connectionString(), counter))
	_, err := cells.Load(t.Context(), "a")
	require.NoError(t, err)
	version, err := cells.Swap(t.Context(), "a", "", []byte("1"))
	require.NoError(t, err)
	_, err = cells.Swap(t.Context(), "a", version, []byte("2"))
	require.NoError(t, err)
	_, err = cells.Swap(t.Context(), "a", version, []byte("3"))
	require.ErrorIs(t, err, lease.ErrConflict)
	reads, writes := counter.Counts()
	require.Equal(t, []int{1, 3}, []int{reads, writes})
	for c, err := range cells.(lease.Lister).List(t.Context(), "") {
		require.NoError(t, err)
		require.Equal(t, "2", string(c.Snapshot.Data))
	}
	reads, _ = counter.Counts()
	require.Equal(t, 1+2, reads)
}

// A cell that cannot be read comes with its error, and the list goes on; an error of the whole container ends it.
func TestStore_ListsWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m, proxy := p.proxied(t)
	cells, _ := lease.StoreOf(m)
	for _, name := range []string{"a", "b", "c"} {
		_, err := cells.Swap(t.Context(), name, "", []byte(name))
		require.NoError(t, err)
	}
	for code, test := range map[string]struct {
		status int
		listed string // the cells of the list, that without data in capitals; the second is refused
	}{
		"BlobArchived":                        {409, "aBc"},
		"BlobBeingRehydrated":                 {409, "aBc"},
		"BlobUsesCustomerSpecifiedEncryption": {409, "aBc"},
		"ContainerBeingDeleted":               {409, "a"},
		"AuthorizationPermissionMismatch":     {403, "a"},
		"ServerBusy":                          {503, "a"},
	} {
		proxy.OnRequest(3, wire.Reply(test.status, http.Header{"X-Ms-Error-Code": {code}, "X-Ms-Request-Id": {"r-1"}}, ""))
		listed := ""
		for c, err := range cells.(lease.Lister).List(t.Context(), "") {
			switch {
			case err != nil:
				require.ErrorContains(t, err, code)
			case c.Err != nil:
				require.ErrorContains(t, c.Err, code)
				listed += strings.ToUpper(c.Name)
			default:
				listed += string(c.Snapshot.Data)
			}
		}
		require.Equal(t, test.listed, listed, code)
		proxy.Heal()
	}
}

func TestStore_WithoutItsContainer(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	_, err := p.Delete(t.Context(), nil)
	require.NoError(t, err)
	_, err = NewStore(p.Client).Load(t.Context(), "a")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	_, err = NewStore(p.Client).Swap(t.Context(), "a", "", []byte("1"))
	require.ErrorIs(t, err, lease.ErrMisconfigured)
}

func TestStore_Refused(t *testing.T) {
	t.Parallel()
	cells := NewStore(newPlace(t).Client, WithPrefix(strings.Repeat("p", maxPrefix-1)+"/"))
	_, err := cells.Load(t.Context(), strings.Repeat("/", lease.MaxName))
	require.ErrorIs(t, err, lease.ErrInvalid)
	_, err = NewStore(nil).Load(t.Context(), "a")
	require.Error(t, err)
}

// A worker's position, beside its lease.
func TestCheckpoint(t *testing.T) {
	t.Parallel()
	m := New(newPlace(t).Client)
	for want := range 2 {
		held := acquire(t, m, "orders", "one")
		ctx, keeper := lease.StartTerm(context.Background(), held, lease.Now(t.Context()))
		cp, err := checkpoint.Open[int](ctx, m, "orders-projection")
		require.NoError(t, err)
		require.Equal(t, want, cp.Value())
		require.NoError(t, cp.Save(ctx, want+1))
		keeper.End(nil)
		require.NoError(t, m.Release(t.Context(), held))
	}
}
