package browser

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
)

// A person asks the leader to hand over, takes that back, and asks again. What is typed stays while the page changes. A node does it.
func TestHandover(t *testing.T) {
	t.Parallel()
	p := open(t, leaderui.WithActions())
	held, err := p.manager.Acquire(t.Context(), lease.Request{Name: "orders", Holder: "node-a", Length: time.Hour, Heeds: []string{lease.WishHandover}})
	require.NoError(t, err)
	renew := func() {
		held, err = p.manager.Renew(t.Context(), held)
		require.NoError(t, err)
	}
	p.visit("?lease=orders")
	ask := func(first string) {
		p.await(`document.querySelector("form[action=handover] input[name=to][type=text]")`)
		p.run(chromedp.Evaluate(`document.querySelector("details:has(form[action=handover]) summary").focus()`, nil), chromedp.KeyEvent(kb.Enter))
		p.await(`document.querySelector("details:has(form[action=handover])").open`)
		p.run(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(first))
	}
	ask("node-")
	held.Attributes, held.ValueNumber = map[string]string{"changed": "yes"}, held.ValueNumber+1
	renew()
	p.await(`document.querySelector(".detail").innerText.includes("changed")`)
	require.Equal(t, "node-", p.text(`document.querySelector("form[action=handover] input[type=text]").value`), "it stays")
	p.await(`document.activeElement.name == "to"`)
	p.run(chromedp.KeyEvent("b"))
	p.leave()
	p.await(`document.querySelector(".detail")?.innerText.includes("handover to \"node-b\", asked by \"a person at the page\": asked")`)
	p.run(chromedp.Evaluate(`document.querySelector("form[action=handover] button").focus()`, nil))
	p.leave()
	p.await(`!document.querySelector(".detail")?.innerText.includes("asked by")`)
	renew()
	require.Zero(t, held.Wish)
	ask("node-b")
	p.leave()
	p.await(`document.querySelector(".detail")?.innerText.includes("node-b\", asked by")`)
	renew()
	require.Equal(t, "node-b", held.Wish.For)
	p.await(`document.querySelector(".detail").innerText.includes(": begun") && !document.querySelector("form[action=handover]")`)
	held.Next = held.Wish.For
	require.NoError(t, p.manager.Release(t.Context(), held))
	p.acquire("orders", "node-b", time.Hour)
	p.await(`document.querySelector("#leases").innerText.includes("node-b")`)
}

// A form is for one acquisition and one act. When the page shows another one in its place, that is closed, and has neither the focus nor
// what was typed: who presses Enter just then breaks nobody's lease.
func TestFormsEnd(t *testing.T) {
	t.Parallel()
	p := open(t, leaderui.WithActions())
	acquire := func(node string) lease.Lease {
		l, err := p.manager.Acquire(t.Context(), lease.Request{Name: "orders", Holder: node, Length: time.Hour, Heeds: []string{lease.WishHandover}})
		require.NoError(t, err)
		return l
	}
	held := acquire("node-a")
	p.visit("?lease=orders")
	p.await(`document.querySelector("form[action=break]")`)
	p.run(chromedp.Evaluate(`
		for (const d of document.querySelectorAll("details")) d.open = true
		document.querySelector("form[action=handover] [type=text]").value = "node-c"
		document.querySelector("form[action=break] button").focus()`, nil))

	require.NoError(t, p.manager.Release(t.Context(), held))
	acquire("node-b")
	p.await(`document.querySelector("form[action=break]")?.textContent.includes("node-b")`)
	require.Equal(t, "BODY", p.text(`document.activeElement.tagName`))
	require.Zero(t, p.number(`document.querySelectorAll("details[open]").length`))
	require.Empty(t, p.text(`document.querySelector("form[action=handover] [type=text]").value`))

	p.run(chromedp.Evaluate(`
		document.querySelector("details:has(form[action=break])").open = true
		document.querySelector("form[action=handover] button").focus()`, nil))
	seen, err := lease.Inspect(t.Context(), p.manager, "orders")
	require.NoError(t, err)
	require.NoError(t, lease.Ask(t.Context(), p.manager, seen, lease.Wish{Kind: lease.WishHandover, For: "node-c", By: "another person"}))
	p.await(`document.querySelector("form[action=handover] button")?.textContent.includes("node-c")`)
	require.Equal(t, "BODY", p.text(`document.activeElement.tagName`), "it would take the wish of the other person back")
	require.NotZero(t, p.number(`document.querySelectorAll("details[open]:has(form[action=break])").length`), "it does what it did")
}
