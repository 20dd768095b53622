// Keeps the page up to date. Without it, the page reloads, unless it has forms to write into.
'use strict'
{
  const byID = id => document.getElementById(id)
  let ahead = Number(document.body.dataset.now) - performance.now() // the server's clock, less this page's
  const ends = new WeakMap() // of elements with a bar: when it is over, by this page's clock

  // As duration does in words.go.
  const duration = seconds => {
    const s = Math.max(0, Math.floor(seconds))
    const two = n => String(n).padStart(2, '0')
    if (s < 60) return `${s}s`
    if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`
    if (s < 86400) return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`
    return `${Math.floor(s / 86400)}d ${two(Math.floor(s / 3600) % 24)}h`
  }

  const learn = within => {
    for (const e of within.querySelectorAll('[data-left]')) note(e)
    if (within.dataset?.left !== undefined) note(within)
  }
  const note = e => {
    if (e.dataset.left === '') ends.delete(e)
    else ends.set(e, performance.now() + 1000 * Number(e.dataset.left))
  }

  // Bars run, and times go on, where they can be seen.
  const seen = new Set()
  const watcher = new IntersectionObserver(changes => {
    for (const c of changes) c.isIntersecting ? seen.add(c.target) : seen.delete(c.target)
  })
  const text = (e, t) => { if (e && e.textContent !== t) e.textContent = t }
  const tick = () => {
    const now = performance.now()
    for (const e of seen) {
      if (!e.isConnected) { seen.delete(e); watcher.unobserve(e); continue }
      if (e.dataset.since) text(e, duration((now + ahead - Number(e.dataset.since)) / 1000))
      if (!ends.has(e)) continue
      const left = Math.max(0, ends.get(e) - now) / 1000, length = Number(e.dataset.length)
      const bar = e.querySelector('.bar')
      if (!bar) continue
      bar.querySelector('.rest').setAttribute('width', (100 * Math.min(1, left / length)).toFixed(1))
      text(bar.querySelector('.rest-text'), duration(Math.ceil(left)))
      bar.classList.toggle('low', left < length / 4)
      bar.classList.toggle('over', left === 0)
    }
  }
  const observe = within => {
    learn(within)
    if (within.matches?.('[data-left],[data-since]')) watcher.observe(within)
    for (const e of within.querySelectorAll('[data-left],[data-since]')) watcher.observe(e)
  }

  const made = html => {
    const t = document.createElement('template')
    t.innerHTML = html
    return t.content.firstElementChild
  }
  // Forms by what they do, and to which acquisition: their hidden fields say it.
  const acts = within => new Map([...within.querySelectorAll('form')].map(f =>
    [JSON.stringify([f.getAttribute('action'), ...[...f.querySelectorAll('[type=hidden]')].map(i => [i.name, i.value])]), f.closest('details') ?? f]))
  // What a person does with an element outlives it: the focus, what is open, and what is typed. But none of that passes to a form that does
  // something else or to another acquisition: the person has not seen that one.
  const replace = (old, e) => {
    const active = document.activeElement
    old.replaceWith(e)
    const focus = (was, is, kinds) => [...is.querySelectorAll(kinds)][[...was.querySelectorAll(kinds)].indexOf(active)]?.focus({ preventScroll: true })
    focus(old, e, 'a')
    const now = acts(e)
    for (const [what, was] of acts(old)) {
      const is = now.get(what)
      if (!is) continue
      if (was.open) is.open = true
      const typed = was.querySelector('[type=text]')
      if (typed) is.querySelector('[type=text]').value = typed.value
      focus(was, is, 'button,summary,input')
    }
  }
  const arrange = (list, ids, fresh) => {
    let at = list.firstElementChild
    for (const id of ids) {
      const e = fresh.get(id) ?? byID(id)
      if (!e) continue
      if (e === at) at = at.nextElementSibling
      else list.insertBefore(e, at)
    }
    while (at) { const next = at.nextElementSibling; at.remove(); at = next }
  }
  const apply = patch => {
    ahead = patch.now - performance.now()
    const fresh = new Map()
    for (const [id, html] of Object.entries(patch.set ?? {})) {
      const e = made(html), old = byID(id)
      if (old && old.dataset.v === e.dataset.v) {
        if (e.dataset.left !== undefined) { old.dataset.left = e.dataset.left; old.dataset.length = e.dataset.length; note(old) }
        continue
      }
      if (old) replace(old, e)
      else fresh.set(id, e)
      observe(e)
    }
    for (const [id, ids] of Object.entries(patch.list ?? {})) {
      const list = byID(id)
      if (list) arrange(list, ids, fresh)
    }
    for (const [id, [left, length]] of Object.entries(patch.left ?? {})) {
      const e = byID(id)
      if (e) { e.dataset.left = left; e.dataset.length = length; note(e) }
    }
    const troubles = document.querySelectorAll('#troubles .grave,#troubles .minor').length
    document.title = troubles ? `(${troubles}) leader` : 'leader'
    tick()
  }

  let stream, heard = performance.now(), refused
  const connect = () => {
    clearTimeout(refused)
    stream?.close()
    if (document.hidden) return // a page that nobody sees asks for nothing
    stream = new EventSource('events' + location.search)
    stream.onmessage = m => { heard = performance.now(); apply(JSON.parse(m.data)); lost() }
    stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) refused = setTimeout(connect, 5000) }
  }
  const lost = () => {
    const silent = (performance.now() - heard) / 1000, box = byID('lost')
    const hide = silent < 12
    if (box.hidden !== hide) box.hidden = hide
    if (!hide) text(box, 'This page has lost its connection to leader ui. What it shows is old.')
  }

  // A search shows its results while it is typed.
  const form = byID('search'), field = byID('q')
  let typed
  const search = () => {
    const words = field.value.trim()
    const link = from => {
      const p = new URLSearchParams(from)
      p.delete('page')
      words ? p.set('q', words) : p.delete('q')
      return '?' + p
    }
    history.replaceState(null, '', link(location.search))
    for (const a of document.querySelectorAll('.leases thead a')) a.search = link(a.search) // no patch has them
    connect()
  }
  form.addEventListener('submit', e => { e.preventDefault(); clearTimeout(typed); search() })
  field.addEventListener('input', () => { clearTimeout(typed); typed = setTimeout(search, 150) })
  document.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return
    const writes = e.target.matches?.('input,textarea')
    if (e.key === '/' && !writes) { e.preventDefault(); field.focus(); field.select() }
    if (e.key === 'Escape') {
      if (writes && field.value) { field.value = ''; search() }
      else if (!writes) document.querySelector('.detail .close')?.click()
    }
  })
  document.addEventListener('visibilitychange', () => { heard = performance.now(); connect() })

  observe(document.body)
  setInterval(() => { tick(); if (!document.hidden) lost() }, 250)
  connect()
}
