// Package outbox tells the platform's backend what happened: signed webhooks, at least once each.
//
// An [Event] is ids and a time, never what was said (A6). It is inserted in the transaction of the change that it tells
// of, so that neither exists without the other. An [Outbox] on each node claims what is due, posts it to the one target,
// and settles: what was answered with 2xx is forgotten, what was not comes due again after a back-off with full jitter, and
// after [Config.Attempts] tries it is a dead letter, listed and replayable through the platform's API.
//
//	change + Event ─ one transaction ─▶ Store ─ Claim (a lease) ─▶ POST, signed ─▶ Settle: forgotten │ due later │ dead
//	                                      ▲                                            │
//	                                      └──────────────── Replay ◀───────────────────┘
//
// A claim moves the moment at which the event is due by a lease, by the database's clock. So a node that was killed
// needs no one to clean up after it: its claims come due again and another node delivers them. A crash between the
// answer of the target and Settle delivers twice, with the same id and the same body.
//
// WEBHOOKS.md beside this file is for who receives them. Package outbox is not a message queue: it has one target, and it
// orders nothing but by what stands in the event.
package outbox
