package azblob

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// withValue is the lease with its next value, and attributes that say so.
func withValue(held lease.Lease, value string) lease.Lease {
	held.Value = value
	held.ValueNumber++
	held.Attributes = map[string]string{"value": value}
	return held
}

func renew(t testing.TB, m lease.Manager, held lease.Lease) lease.Lease {
	t.Helper()
	renewed, err := m.Renew(t.Context(), held)
	require.NoError(t, err)
	return renewed
}

// content reads the blob as anybody would who has Azure's own tools.
func (p place) content(t testing.TB, name string) string {
	t.Helper()
	got, err := p.blob(name).DownloadStream(t.Context(), nil)
	require.NoError(t, err)
	defer got.Body.Close()
	data, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	return string(data)
}

// wantValue fails unless everybody finds the value, and the whole record of the lease beside it.
func (p place) wantValue(t testing.TB, held lease.Lease, want string) {
	t.Helper()
	assert.Equal(t, want, p.content(t, held.Name))
	info, err := lease.Inspect(t.Context(), New(p.Client), held.Name)
	require.NoError(t, err)
	assert.Equal(t, want, info.Value)
	assert.Equal(t, []any{held.ID, held.Token, held.Holder, held.Length}, []any{info.ID, info.Token, info.Holder, info.Length})
}

// Put Blob replaces all metadata. So a value is written with all of them: the lease's, the number of the change, and other
// people's, whenever those came.
func TestValue_ItsBlob(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := acquire(t, m, "orders", "one")
	all := p.metadata(t, "orders")
	all["Owner"] = pointer("team a, b")
	p.set(t, "orders", all, held.ID) // behind the holder's back
	for n, value := range []string{"first", "second", ""} {
		held = renew(t, m, withValue(held, value))
		p.wantValue(t, held, value)
		info, err := lease.Inspect(t.Context(), m, "orders")
		require.NoError(t, err)
		assert.Equal(t, held.Version, info.Version, "one state has one version")
		got := p.metadata(t, "orders")
		assert.Equal(t, "team a, b", *got["owner"])
		assert.Equal(t, fmt.Sprint(n+1), *got[keyNumber])
		assert.Equal(t, map[bool]string{true: "2", false: "1"}[value != ""], *got[keyFormat], "programs that do not know values read format 1 alone")
	}
	held = renew(t, m, withValue(held, "last"))
	require.NoError(t, m.Release(t.Context(), held))
	next := acquire(t, m, "orders", "two") // knows the owner from its look
	assert.Equal(t, "last", next.Value)
	assert.Zero(t, next.ValueNumber)
	assert.NotContains(t, p.metadata(t, "orders"), keyNumber)
	next = renew(t, m, withValue(next, "of two"))
	p.wantValue(t, next, "of two")
	assert.Equal(t, "team a, b", *p.metadata(t, "orders")["owner"])
}

// A change of the attributes alone leaves the content alone.
func TestValue_Attributes(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := renew(t, m, withValue(acquire(t, m, "orders", "one"), "a value"))
	changed := held
	changed.ValueNumber++
	changed.Attributes = map[string]string{"address": "10.0.0.2"}
	changed = renew(t, m, changed)
	p.wantValue(t, changed, "a value")
	info, err := lease.Inspect(t.Context(), m, "orders")
	require.NoError(t, err)
	assert.Equal(t, changed.Attributes, info.Attributes)
}

// A renewal that fails while it stores a value leaves the lease as it is (R4), and the next one stores the value (V2).
func TestValue_FailedWrites(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, fault := range faults() {
		for k, request := range []string{"Renew Lease", "Put Blob"} {
			t.Run(name+" of "+request, func(t *testing.T) {
				t.Parallel()
				m, proxy := p.proxied(t)
				held := renew(t, m, withValue(acquire(t, m, t.Name(), "one"), "before"))
				struck := proxy.OnRequest(k+1, fault)
				held = withValue(held, "set")
				renewed, err := m.Renew(soonAfter(t, struck), held)
				<-struck
				require.Error(t, err)
				assert.Zero(t, renewed)
				assert.NotErrorIs(t, err, lease.ErrLost)
				assert.NotErrorIs(t, err, lease.ErrMisconfigured)
				held = renew(t, m, held)
				p.wantValue(t, held, "set")
				held = renew(t, m, withValue(held, "set next"))
				p.wantValue(t, held, "set next")
				require.NoError(t, m.Release(t.Context(), held))
			})
		}
	}
}

// A release stores a value that no renewal has stored, or fails: then the next release does both (V2).
func TestValue_FailedReleases(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, fault := range faults() {
		for k, request := range []string{"Renew Lease", "Put Blob", "Release Lease"} {
			t.Run(name+" of "+request, func(t *testing.T) {
				t.Parallel()
				m, proxy := p.proxied(t)
				held := withValue(renew(t, m, withValue(acquire(t, m, t.Name(), "one"), "before")), "set last")
				struck := proxy.OnRequest(k+1, fault)
				err := m.Release(soonAfter(t, struck), held)
				<-struck
				require.Error(t, err)
				assert.NotErrorIs(t, err, lease.ErrLost)
				if err = m.Release(t.Context(), held); err != nil {
					lost, ok := errors.AsType[*lease.LostError](err)
					require.True(t, ok, "%v", err)
					assert.Equal(t, lease.LostReleased, lost.Reason)
				}
				assert.Equal(t, "set last", acquire(t, New(p.Client), held.Name, "two").Value)
			})
		}
	}
}

// A failed acquisition leaves the value to the next one, whichever of its requests fails (V1).
func TestValue_FailedAcquisitions(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, fault := range faults() {
		for k, request1 := range []string{"Get Blob", "Acquire Lease", "Set Blob Metadata"} {
			t.Run(name+" of "+request1, func(t *testing.T) {
				t.Parallel()
				sound := New(p.Client)
				require.NoError(t, sound.Release(t.Context(), renew(t, sound, withValue(acquire(t, sound, t.Name(), "before"), "kept"))))
				m, proxy := p.proxied(t)
				struck := proxy.OnRequest(k+1, fault)
				_, err := m.Acquire(soonAfter(t, struck), request(t.Name(), "broken"))
				<-struck
				require.Error(t, err)
				next := acquire(t, sound, t.Name(), "next")
				assert.Equal(t, "kept", next.Value)
				p.wantValue(t, next, "kept")
			})
		}
	}
}

// An acquisition has the value that it replaces, not the one that it saw first (V1).
func TestValue_OfATermInBetween(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	sound := New(p.Client)
	for k, name := range map[int]string{2: "Put Blob", 3: "Acquire Lease"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, late, err := p.overtaken(t, name, k, func() {
				require.NoError(t, sound.Release(t.Context(), renew(t, sound, withValue(acquire(t, sound, name, "between"), "of between"))))
			})
			require.NoError(t, err)
			require.Equal(t, "of between", late.Value)
			p.wantValue(t, late, "of between")
		})
	}
}

// Metadata that are no longer this lease's are left alone: its value is not stored, and the blob's lease alone says whether the
// lease is lost.
func TestValue_OfABlobThatWasEdited(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := renew(t, m, withValue(acquire(t, m, "orders", "one"), "stored"))
	whole := p.metadata(t, "orders")
	for _, edited := range []metadata{{}, {keyFormat: pointer("9")}, {"theirs": pointer("x")}, {keyFormat: pointer("1")}} {
		p.set(t, "orders", edited, held.ID)
		_, err := m.Renew(t.Context(), withValue(held, "set"))
		require.ErrorIs(t, err, lease.ErrRecord)
		require.NotErrorIs(t, err, lease.ErrLost)
		require.Equal(t, "stored", p.content(t, "orders"))
		renew(t, m, held)
	}
	p.set(t, "orders", whole, held.ID)
	p.wantValue(t, renew(t, m, withValue(held, "set")), "set")
}

// A content that is no value makes an ErrRecord, and is left as it is. In format 1, content means nothing.
func TestValue_ForeignContent(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	for name, test := range map[string]struct {
		content string
		format  string
		want    string // of the error; empty: none
	}{
		"no UTF-8":        {"\xff", "2", "its content is not UTF-8"},
		"too long":        {strings.Repeat("x", lease.MaxCell+1), "2", "its content has more than 65536 bytes"},
		"longer than set": {strings.Repeat("x", lease.MaxCell), "2", ""},
		"empty":           {"", "2", ""},
		"of format 1":     {"\xff", "1", ""},
	} {
		held := renew(t, m, withValue(acquire(t, m, name, "one"), "x"))
		require.NoError(t, m.Release(t.Context(), held))
		all := p.metadata(t, name)
		all[keyFormat] = &test.format
		b := p.NewBlockBlobClient((&manager{}).blobName(name))
		_, err := b.UploadBuffer(t.Context(), []byte(test.content), &blockblob.UploadBufferOptions{Metadata: all})
		require.NoError(t, err)
		next, err := m.Acquire(t.Context(), request(name, "two"))
		require.Equal(t, test.content, p.content(t, name), name)
		if test.want != "" {
			require.ErrorIs(t, err, lease.ErrRecord, name)
			require.ErrorContains(t, err, test.want, name)
			_, err = lease.Inspect(t.Context(), m, name)
			require.ErrorIs(t, err, lease.ErrRecord, name)
			continue
		}
		require.NoError(t, err, name)
		want := test.content
		if test.format == "1" {
			want = ""
		}
		require.Equal(t, want, next.Value, name)
		require.NoError(t, m.Release(t.Context(), renew(t, m, next)), "what is inherited can be kept and given back")
		require.Equal(t, want, acquire(t, m, name, "three").Value, name)
	}
}

// List reads no content: it shows the rest.
func TestValue_NotInAList(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := New(p.Client)
	held := renew(t, m, withValue(acquire(t, m, "orders", "one"), "a value"))
	for info, err := range lease.List(t.Context(), m, "") {
		require.NoError(t, err)
		require.NoError(t, info.Err)
		require.Equal(t, held.ID, info.ID)
		require.Empty(t, info.Value)
	}
}
