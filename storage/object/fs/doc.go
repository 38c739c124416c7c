// Package fs is the object store of one machine: a folder.
//
//	objects/a/b/=c   the object "a/b/c"; the "=" keeps the file of "a" apart from the folder of "a/…"
//	tmp/             objects being written; what a crash left there is removed at Open
//	lock             held while the store is open
//
// A file is the object's bytes followed by a trailer: their SHA-256 (32 bytes) and "parley object 1\n". So hash and
// bytes become visible, and durable, in one step:
//
//	write tmp/x ─ fsync ─ link to its name (fails if there is one) ─ fsync the folders
//
// A crash before the link leaves a file in tmp/; after it, the whole object, which a repeated Put finds, compares and
// makes durable.
package fs
