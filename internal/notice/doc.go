// Package notice decides who is told what, by which channel, within which hours: reminders of what is unread, and notices that
// the platform wants to send (T10). It sends nothing itself: what is decided becomes an event of the outbox, with ids only
// (A6), and the platform's backend does the rest.
//
//	new entries ─ Unread ─▶ row due in 5 min ─ claim ─ read? ─▶ forgotten
//	                             ▲                └ unread ─ quiet hours? ─▶ event, next channel an hour later
//	                             └───────────── something new ◀──────────────────────┘
//
// A streak of unread entries is reminded of once over each channel that the person wants, in the person's order. As soon as
// it was read nothing more comes; if it stays unread, something new begins another round a day later at the earliest.
//
// Rows are claimed with a lease by the store's clock, so any number of nodes may run and a crash loses nothing: the event
// and the row's next state are one transaction. A crash between claim and that transaction costs the length of a lease.
//
// Package notice is not the outbox (which delivers), knows no conversation but by its id, and holds no preferences.
package notice
