// Package audit is the append-only record of who did what to whom (A3). An entry is durable before the effect that it
// announces, so that nothing happens without a trace; that it announces something which then failed is harmless.
//
//	Record ── seal actor, object, detail ── link to the entry before ── Store.Append (one transaction)
//	Verify ── walk the stored records ── the first sequence number that is wrong, and why
//	Head   ── sign the last hash: whoever holds a head can show later that what it covers was cut off or rewritten
//
// What names a person is sealed by AES-256-GCM; the hash covers the ciphertext, so the chain can be walked without the
// key and still verifies after it was destroyed. Time, role and action stay in the clear, for looking up.
//
// The seal is bound to its place in the chain. Whoever can write to the database, but has no key of the vault, can
// only cut off the end; a head held elsewhere shows that.
//
// It is no log for debugging and no statistics.
package audit
