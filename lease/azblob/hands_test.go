package azblob

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// What other people and programs do to the blobs.

func pointer[T any](v T) *T { return &v }

// upload makes a blob as any program would.
func (p place) upload(t testing.TB, name, content string, all metadata) {
	t.Helper()
	b := p.NewBlockBlobClient((&manager{}).blobName(name))
	_, err := b.UploadBuffer(t.Context(), []byte(content), &blockblob.UploadBufferOptions{Metadata: all})
	require.NoError(t, err)
}

// A blob that is not a lease's is not touched: while its owner has leased it, it is held, and else it is an ErrRecord.
func TestForeignBlobs(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	for name, make := range map[string]func(name string){
		"content":              func(name string) { p.upload(t, name, "hello", nil) },
		"empty":                func(name string) { p.upload(t, name, "", nil) },
		"empty, with metadata": func(name string) { p.upload(t, name, "", metadata{"hdi_isfolder": pointer("true")}) },
		"empty, of other types": func(name string) {
			_, err := p.NewAppendBlobClient((&manager{}).blobName(name)).Create(t.Context(), nil)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			make(name)
			before, err := p.blob(name).GetProperties(t.Context(), nil)
			require.NoError(t, err)
			_, err = m.Acquire(t.Context(), request(name, "one"))
			require.ErrorIs(t, err, lease.ErrRecord)
			require.ErrorContains(t, err, "blob "+(&manager{}).blobName(name)+": it is not a lease")
			_, err = lease.Inspect(t.Context(), m, name)
			require.ErrorIs(t, err, lease.ErrRecord)

			theirs, err := bloblease.NewBlobClient(p.blob(name), nil)
			require.NoError(t, err)
			_, err = theirs.AcquireLease(t.Context(), -1, nil)
			require.NoError(t, err)
			_, err = m.Acquire(t.Context(), request(name, "one"))
			held, ok := errors.AsType[*lease.HeldError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, lease.Info{Name: name, State: lease.Held, Timed: true}, held.Info)
			info, err := lease.Inspect(t.Context(), m, name)
			require.NoError(t, err)
			assert.Equal(t, held.Info, info)

			_, err = theirs.ReleaseLease(t.Context(), nil)
			require.NoError(t, err, "their lease is no longer theirs")
			after, err := p.blob(name).GetProperties(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, before.ETag, after.ETag)
		})
	}
}

// Somebody who has looked up nothing leases a blob of ours. They are the holder then, whose name is not known.
func TestForeignLeaseOnOurBlob(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	ours := acquire(t, m, "orders", "one")
	require.NoError(t, p.breakLease(t.Context(), "orders"))
	theirs, err := bloblease.NewBlobClient(p.blob("orders"), nil)
	require.NoError(t, err)
	_, err = theirs.AcquireLease(t.Context(), -1, nil)
	require.NoError(t, err)

	_, err = m.Renew(t.Context(), ours)
	lost, ok := errors.AsType[*lease.LostError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, lease.LostTaken, lost.Reason)
	assert.Equal(t, lease.Info{Name: "orders", State: lease.Held, Timed: true}, lost.Now, "the metadata are still our own, and tell nothing of them")
	require.ErrorIs(t, m.Release(t.Context(), ours), lease.ErrLost)
	_, err = m.Acquire(t.Context(), request("orders", "two"))
	require.ErrorIs(t, err, lease.ErrHeld)
	_, err = theirs.ReleaseLease(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, ours.Token+1, acquire(t, m, "orders", "two").Token)
}

// A lease that somebody breaks is lost, at once or while the break period lasts; in the latter it is held yet.
func TestBrokenLeases(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	for name, test := range map[string]struct {
		period int32
		reason lease.LostReason
		state  lease.State
	}{
		"broken":   {0, lease.LostReleased, lease.Free},
		"breaking": {60, lease.LostTaken, lease.Held},
	} {
		held := acquire(t, m, name, "one")
		l, err := bloblease.NewBlobClient(p.blob(name), nil)
		require.NoError(t, err)
		_, err = l.BreakLease(t.Context(), &bloblease.BlobBreakOptions{BreakPeriod: &test.period})
		require.NoError(t, err)
		info, err := lease.Inspect(t.Context(), m, name)
		require.NoError(t, err)
		assert.Equal(t, test.state, info.State, name)
		_, err = m.Renew(t.Context(), held)
		lost, ok := errors.AsType[*lease.LostError](err)
		require.True(t, ok, "%s: %v", name, err)
		assert.Equal(t, test.reason, lost.Reason, name)
		assert.True(t, lost.Now.Broken, name)
		assert.True(t, info.Broken, name)
		require.NoError(t, lease.Break(t.Context(), m, info), "what is broken is not broken again")
		if test.state == lease.Held {
			_, err = m.Acquire(t.Context(), request(name, "two"))
			require.ErrorIs(t, err, lease.ErrHeld)
			require.NoError(t, m.Release(t.Context(), held), "a lease that is breaking can be given back")
		}
		assert.Equal(t, held.Token+1, acquire(t, m, name, "two").Token)
	}
}

// A lease that is breaking is not broken again, whatever is shown to Break: nothing is sent but the look.
func TestBreakIsNotRepeated(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	counter := &wire.Counter{}
	m := New(p.client(t, connectionString(), counter))
	held := acquire(t, m, "orders", "one")
	seen, err := lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	assert.False(t, seen.Broken)
	require.NoError(t, lease.Break(t.Context(), m, seen))
	now, err := lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	require.Equal(t, lease.Held, now.State)
	require.True(t, now.Broken)
	_, before := counter.Counts()
	other := seen
	other.ID = "another"
	for _, info := range []lease.Info{seen, now, other} {
		require.NoError(t, lease.Break(t.Context(), m, info))
	}
	_, after := counter.Counts()
	require.Equal(t, before, after)
	require.NoError(t, m.Release(t.Context(), held))
	now, err = lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	require.Equal(t, lease.Free, now.State)
	held = acquire(t, m, "orders", "two")
	now, err = lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	require.False(t, now.Broken)
	require.Equal(t, held.ID, now.ID)
}

// Azure renews what has run out, unless the blob was written to meanwhile.
func TestRenewAfterTheEnd(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := acquire(t, m, "orders", "one")
	written := acquire(t, m, "written", "one")
	expired := func(name string) func() bool {
		return func() bool {
			info, err := lease.Inspect(t.Context(), m, name)
			return err == nil && info.State == lease.Expired && info.Token == 1 && info.Holder == "one"
		}
	}
	require.Eventually(t, expired("orders"), limits.MinLength+5*time.Second, 100*time.Millisecond)
	_, err := m.Renew(t.Context(), held)
	require.NoError(t, err)
	_, err = New(p.Client).Acquire(t.Context(), request("orders", "two"))
	require.ErrorIs(t, err, lease.ErrHeld)

	require.Eventually(t, expired("written"), 5*time.Second, 100*time.Millisecond)
	p.set(t, "written", p.metadata(t, "written"), "")
	_, err = m.Renew(t.Context(), written)
	require.ErrorIs(t, err, lease.ErrLost)
	assert.Equal(t, written.Token+1, acquire(t, m, "written", "two").Token)
}

// Other people's metadata are kept through it all, and so are the names that a later version of this library may use.
func TestOtherMetadataAreKept(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := acquire(t, m, "orders", "one")
	all := p.metadata(t, "orders")
	all["Owner"], all["leader_future"], all["LEADER_TOKEN"] = pointer("team a, b"), pointer("x"), all[keyToken]
	delete(all, keyToken)
	p.set(t, "orders", all, held.ID)
	require.NoError(t, m.Release(t.Context(), held))
	require.Equal(t, uint64(2), acquire(t, m, "orders", "two").Token)
	got := p.metadata(t, "orders")
	assert.Equal(t, "team a, b", *got["owner"])
	assert.Equal(t, "x", *got["leader_future"])
	assert.Equal(t, "2", *got[keyToken])
}

// notRecords are changes to the metadata of a lease that make it no record. The manager neither accepts nor overwrites it.
var notRecords = map[string]map[string]string{
	"a newer format":                 {keyFormat: "3"},
	"no format":                      {keyFormat: ""},
	"format 0":                       {keyFormat: "0"},
	"no number":                      {keyFormat: "one"},
	"no token":                       {keyToken: ""},
	"token 0":                        {keyToken: "0"},
	"a negative token":               {keyToken: "-1"},
	"the last token":                 {keyToken: "18446744073709551615"},
	"too many digits":                {keyToken: "18446744073709551616"},
	"no ID":                          {keyID: ""},
	"no holder":                      {keyHolder: ""},
	"a broken holder":                {keyHolder: "%zz"},
	"no UTF-8":                       {keyHolder: "%ff"},
	"no length":                      {keyLength: ""},
	"length 0":                       {keyLength: "0s"},
	"no unit":                        {keyLength: "15"},
	"no number of a change":          {keyNumber: "one"},
	"a negative number":              {keyNumber: "-1"},
	"half attributes":                {keyAttributes: "a=%"},
	"attributes twice":               {keyAttributes: "a=1&a=2"},
	"attributes bytes":               {keyAttributes: "a=%ff"},
	"nothing but a format and an ID": {keyToken: "", keyHolder: "", keyLength: "", keyAcquired: ""},
}

func TestUnreadableMetadata(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	for name, changes := range notRecords {
		held := acquire(t, m, name, "one")
		all := p.metadata(t, name)
		for key, value := range changes {
			if all[key] = &value; value == "" {
				delete(all, key)
			}
		}
		p.set(t, name, all, held.ID)
		before, err := p.blob(name).GetProperties(t.Context(), nil)
		require.NoError(t, err)
		for range 2 {
			_, err = m.Acquire(t.Context(), request(name, "two"))
			require.ErrorIs(t, err, lease.ErrRecord, name)
			require.Equal(t, name == "a newer format", errors.Is(err, lease.ErrNewer), name)
			require.ErrorContains(t, err, "blob "+(&manager{}).blobName(name)+": ", name)
			_, err = lease.Inspect(t.Context(), m, name)
			require.ErrorIs(t, err, lease.ErrRecord, name)
			if held.ID != "" { // what the metadata say is nothing to the holder
				_, err = m.Renew(t.Context(), held)
				require.NoError(t, err, name)
				require.NoError(t, m.Release(t.Context(), held), name)
				held.ID = ""
			}
		}
		after, err := p.blob(name).GetProperties(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, before.ETag, after.ETag, name)
	}
	bad := 0
	for info, err := range lease.List(t.Context(), m, "") {
		require.NoError(t, err)
		assert.ErrorIs(t, info.Err, lease.ErrRecord, info.Name)
		bad++
	}
	assert.Equal(t, len(notRecords), bad)
}

// A snapshot keeps nobody from anything, nor does it show in the list.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := acquire(t, m, "orders", "one")
	snapshot := func() {
		_, err := p.blob("orders").CreateSnapshot(t.Context(), nil)
		require.NoError(t, err)
	}
	snapshot()
	held, err := m.Renew(t.Context(), held)
	require.NoError(t, err)
	require.NoError(t, m.Release(t.Context(), held))
	snapshot()
	require.Equal(t, uint64(2), acquire(t, m, "orders", "two").Token)
	n := 0
	for info, err := range lease.List(t.Context(), m, "") {
		require.NoError(t, err)
		assert.Equal(t, uint64(2), info.Token)
		n++
	}
	assert.Equal(t, 1, n)
}

// A list reads, and makes nothing: a container that an acquisition would make has no leases. And a directory is no lease.
func TestListWithoutContainer(t *testing.T) {
	t.Parallel()
	emulator.Need(t, emulator.Azure)
	missing := place{name: emulator.Name(t)}
	client := missing.client(t, connectionString(), nil)
	for info, err := range lease.List(t.Context(), New(client, WithCreateContainer()), "") {
		t.Error(info, err)
	}
	_, err := client.GetProperties(t.Context(), nil)
	require.ErrorContains(t, err, "ContainerNotFound")

	p := newPlace(t)
	m := New(p.Client)
	acquire(t, m, "orders", "one")
	p.upload(t, "team-a", "", metadata{"hdi_isfolder": pointer("true")})
	p.upload(t, "team-b", "", metadata{"Hdi_IsFolder": pointer("True")})
	p.upload(t, "team-c", "", metadata{"hdi_isfolder": pointer("false")}) // no directory, but no lease, either
	var names []string
	for info, err := range lease.List(t.Context(), m, "") {
		require.NoError(t, err)
		names = append(names, info.Name)
		assert.Equal(t, info.Name == "team-c", info.Err != nil)
	}
	assert.ElementsMatch(t, []string{"orders", "team-c"}, names)
}

// A list goes over its pages, and over blobs that are nobody's lease.
func TestListPages(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client, WithPrefix("folder/x-"), func(m *manager) { m.page = 2 })
	all := New(p.Client)
	want := map[string]bool{}
	for _, name := range []string{"a", "a/b", "a.b", "b", "ä", "a b"} {
		acquire(t, m, name, "one")
		want[name] = true
	}
	acquire(t, all, "a", "elsewhere")
	p.upload(t, "foreign", "", nil)
	for _, name := range []string{"folder/x-%zz", "folder/x-.", "folder/x-%41", "folder/y"} {
		_, err := p.NewBlockBlobClient(name).UploadBuffer(t.Context(), nil, nil)
		require.NoError(t, err)
	}
	got := map[string]bool{}
	for info, err := range lease.List(t.Context(), m, "") {
		require.NoError(t, err)
		require.NoError(t, info.Err)
		got[info.Name] = true
	}
	assert.Equal(t, want, got)
	for range lease.List(t.Context(), m, "a") {
		break // may be left early
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range lease.List(over, m, "") {
		require.ErrorIs(t, err, context.Canceled)
	}
}
