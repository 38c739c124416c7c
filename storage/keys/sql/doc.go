// Package sql is the vault that several nodes share: a PostgreSQL database of its own, so that no dump of the main
// database holds a key.
//
//	vault_generations   generations of the root key (see [keys.Rotator])
//	vault_roots         their secrets, each wrapped by every root key that opens it
//	vault_names         the wrapped key that hashes names
//	vault_signing       the wrapped signing key, and the public keys that signed before
//	vault_keys          data keys and tombstones by the keyed hash of their names, each with the generation that wrapped it
//	vault_burials       the number of the last destruction
//
// Two nodes agree because a name is a primary key: whoever inserts first has made the key, everybody else reads it. A
// commit is on the server's disk before a key is handed out; a server that is set not to sync is refused.
//
// # Keys in memory
//
// A node keeps the keys that it used last and asks the database for none of them. Instead it asks, by one small statement
// every [Config.Revalidate]/2 and whenever another node says that it changed something (NOTIFY), which keys were
// destroyed since, which generations there are, and which key signs. A node that has not had an answer for
// [Config.Revalidate], 5 seconds unless told otherwise, opens no key before it has one. So at that moment after a
// destruction at the latest no node opens the key any more, whatever happens to notifications or to the network; usually
// it takes milliseconds. Signing is laxer: a node that is cut off signs on with the last signing key it heard of, since
// a head without a signature would be worse.
//
// # What a destruction leaves
//
// The tombstone replaces the wrapped key in the row. PostgreSQL keeps the old version of the row until VACUUM, which
// follows within seconds unless a long transaction, a replication slot or missing ownership of the tables is in its way;
// after it the bytes may stand in the free part of a page until they are written over. They stay in the write-ahead log,
// its archive, replicas and backups: keep those at most 30 days (L1). All of it is wrapped and tells nothing without the
// root key; a change of the root key by Admit and RotateRoot, after which the former root key is destroyed, ends it. An
// older backup that is restored brings no key back if the erasure ledger is replayed before a node serves
// ([keys.Eraser]).
package sql
