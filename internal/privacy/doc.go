// Package privacy keeps the consent ledger: who agreed to which version of which text, for what, and who took it back.
//
// The [Ledger] writes one entry a decision and never changes one; what holds now is read from the last entry. A subject
// is found by a keyed hash, and what a person decided is sealed, so that the table alone tells nobody who they are.
// Withdrawals are announced to watchers inside the process, so that live sessions end within seconds (R3).
//
// It is not the place where a feature decides what to do without a consent: interviews and, later, number services ask
// [Ledger.Granted] and act themselves.
package privacy
