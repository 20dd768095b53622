// Package leaderui shows a whole lease store to people, on one page: every lease and every fleet, who leads, since when, with which
// token, and how long that lasts without a renewal; what moves, what is nobody's and why; what has changed; and trouble on top.
//
//	ui := leaderui.New(manager)
//	defer ui.Close()
//	http.ListenAndServe("127.0.0.1:8090", ui)
//
// Or beside other handlers:
//
//	mux.Handle("/leases/", http.StripPrefix("/leases", ui))
//
// The command "leader ui" serves it, for any store.
//
// # What it serves
//
//	GET /        the page; ?q= searches, ?lease= shows the details of a lease, ?sort= and ?page= are of the table of leases
//	GET /events  server-sent events, by which the page's script keeps it up to date
//	GET /state   a State in JSON, for programs
//	POST /break, /handover, /drain
//	             with WithActions: takes a lease from the holder that the page has shown; asks it to hand over; asks it to give its
//	             parts away
//
// Without scripts, the page reloads itself every five seconds, and all links and forms work; while it shows a lease's forms (WithActions),
// it does not, so that nothing that was typed is lost. It loads its style and its script from beside itself, nothing from elsewhere, and
// its policy (CSP) allows nothing else.
//
// # Requests to the store
//
// One reader looks at the store for all browsers, at most once in WithEvery, and with at most WithRequests requests a second on average.
// The page says both. After what a person does, a look comes at once, and the next one later if that took too many requests. A look is a
// list of all leases; what it costs is in the stores' package comments. A quarter of a minute after the last browser has gone, it stops,
// and then the store gets no request.
//
// So the changes that the page shows are those that the looks have shown while somebody watched. The terms before that are those that a
// lease's record tells of (lease.History). The page shows that a lease has run out once that is certain, and the time left is an upper
// bound, as with "leader status".
//
// # Who may see it
//
// The page shows names, attributes, error texts and fencing tokens. It never shows a lease's value. Without WithToken or
// WithProxyHeader, all who reach the address may read. The page only reads, unless WithActions is given: then a form breaks a lease, or
// asks its holder for something, if the lease's acquisition still is the one that the page has shown. Requests that another site has sent
// are refused (Sec-Fetch-Site, Origin), and so is a Host that is neither localhost, an IP address nor one of WithHosts.
package leaderui
