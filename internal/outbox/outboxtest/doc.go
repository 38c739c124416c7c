// Package outboxtest has the suite that every [outbox.Store] must pass, a store in memory that passes it, and faults to
// inject into one.
package outboxtest
