package dynamodb

import (
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// Somebody changes the item by hand, with the plain SDK, while a leader has the lease.
func testDamage(t *testing.T) {
	client, _ := newClient(t)
	table := newTable(t, client)
	type damage struct {
		// change returns what the item becomes; before is from a renewal ago, and earlier from a term ago.
		change func(now, before, earlier item) item
		// reason is how the leader finds the lease lost; empty: it leads on.
		reason lease.LostReason
		// unreadable: the leader does not find that out, but runs into its deadline, and leaves the item alone.
		unreadable bool
	}
	with := func(i item, name string, value types.AttributeValue) item {
		i = maps.Clone(i)
		i[name] = value
		return i
	}
	without := func(i item, name string) item {
		i = maps.Clone(i)
		delete(i, name)
		return i
	}
	atOnce(t, map[string]damage{
		"nothing":         {change: func(now, _, _ item) item { return now }},
		"another version": {change: func(now, _, _ item) item { return with(now, "version", text("by hand")) }},
		"no bound":        {change: func(now, _, _ item) item { return without(now, "written") }},
		"one more attribute": {change: func(now, _, _ item) item {
			return with(now, "remark", &types.AttributeValueMemberBOOL{Value: true})
		}},
		"restored from this term": {change: func(_, before, _ item) item { return before }},
		"restored from the term before": {reason: lease.LostTaken,
			change: func(_, _, earlier item) item { return earlier }},
		"deleted": {reason: lease.LostGone, change: func(_, _, _ item) item { return nil }},
		"broken data": {reason: lease.LostExpired, unreadable: true, change: func(now, _, _ item) item {
			return with(with(now, "data", text("{")), "version", text("by hand"))
		}},
		"data of another type": {reason: lease.LostExpired, unreadable: true, change: func(now, _, _ item) item {
			return with(with(now, "data", &types.AttributeValueMemberN{Value: "7"}), "version", text("by hand"))
		}},
		"no version": {reason: lease.LostExpired, unreadable: true,
			change: func(now, _, _ item) item { return without(now, "version") }},
		"another item": {reason: lease.LostExpired, unreadable: true, change: func(now, _, _ item) item {
			return item{"lease": now["lease"], "expires": &types.AttributeValueMemberN{Value: "7"}}
		}},
	}, func(t *testing.T, c damage) {
		name := t.Name()
		m := New(client, table)
		l, err := m.Acquire(soon(t), request(name, "somebody", time.Minute))
		require.NoError(t, err)
		require.NoError(t, m.Release(soon(t), l))
		earlier := getItem(t, client, table, name)

		a := campaign(t, m, name, "a")
		term := a.leads()
		before := getItem(t, client, table, name)
		a.renews(1)
		changed := c.change(getItem(t, client, table, name), before, earlier)
		if changed == nil {
			require.NoError(t, deleteItem(soon(t), client, table, name))
		} else {
			putItem(t, client, table, changed)
		}
		if c.reason == "" {
			a.renews(3)
			require.NoError(t, term.Check())
			require.NoError(t, a.stop())
			info, err := lease.Inspect(soon(t), m, name)
			require.NoError(t, err)
			assert.Equal(t, lease.Free, info.State)
			return
		}
		a.loses(c.reason)
		require.Error(t, term.Check())
		if c.unreadable {
			a.fails(leader.OpAcquire, lease.ErrRecord)
			require.NoError(t, a.stop())
			assert.Equal(t, changed, getItem(t, client, table, name))
			return
		}
		// There is nobody: it takes the lease again, with the token that follows from what it finds.
		again := a.leads()
		require.NoError(t, again.Check())
	})
}
