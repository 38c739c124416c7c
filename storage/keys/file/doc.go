// Package file is the vault of one node: a folder of wrapped keys beside a root key.
//
//	root.key        32 random bytes in hexadecimal, mode 0600, made at the first start; may lie elsewhere, or be another
//	                [keys.Root]
//	roots/2-local…  the secret of a generation, here the second, wrapped by the root key of that id
//	names.key       the wrapped key that hashes names
//	signing.key     the wrapped Ed25519 seed, with the public keys that signed before
//	keys/ab/cdef…   one file a data key, named by HMAC-SHA256(name): the wrapped key or its tombstone
//	tmp/            files being written; what a crash left there is removed at Open
//	lock            held while the vault is open
//
// Everything is wrapped by AES-256-GCM under keys derived from a generation's secret, bound to its kind and name, so that
// no file can pass for another. A folder of version 1 has a file check instead of roots and names.key, and its root key
// wraps directly; Open makes the missing files and calls that generation 0.
//
// The backup of the root key belongs elsewhere than that of the folder, and backups of the folder are kept at most 30
// days: an older one could bring a destroyed key back, unless the erasure ledger is replayed ([keys.Eraser]). What a
// destroyed key's file held is overwritten as far as the file system writes in place; what remains elsewhere is wrapped,
// and is worth nothing once the root key was changed and the former one destroyed ([keys.Rotator]).
package file
