// Package file is the vault of one node: a folder of wrapped keys beside a root key.
//
//	root.key        32 random bytes in hexadecimal, mode 0600, made at the first start; may lie elsewhere
//	check           tells that the root key belongs to this folder
//	signing.key     the wrapped Ed25519 seed
//	keys/ab/cdef…   one file a data key, named by HMAC-SHA256(name): the wrapped key or its tombstone
//	tmp/            files being written; what a crash left there is removed at Open
//	lock            held while the vault is open
//
// Everything is wrapped by AES-256-GCM under keys derived from the root key, bound to its kind and name, so that no
// file can pass for another. The backup of the root key belongs elsewhere than that of the folder, and backups of the
// folder are kept at most 30 days: an older one could bring a destroyed key back.
package file
