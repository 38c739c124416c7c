// Package s3 is the object store of several nodes: locked buckets of an S3 store that is not trusted to keep its word.
//
//	key "part/3f…"   bucket NAME-part, object "part/3f…"    the first segment is the class; a class has a bucket of
//	key "recording/…" bucket NAME-recording, …               its own, whose default lock is COMPLIANCE for its days
//	key "attachment/…" bucket NAME-attachment, …
//
// One bucket a class because a default lock belongs to a bucket, and only a default binds a writer that may not set
// retention. deploy/s3 says how buckets, users and lifecycles are made.
//
// Two credentials. The writer can put and nothing else; the reader can read, list and read versions, and nothing else.
// So a writer's credential that is stolen reads, shortens, hides and deletes nothing, and the server itself deletes
// nothing: objects go by lifecycle when their lock has ended ([object.ErrLocked]).
//
//	Put: hash the body ─ PUT, If-None-Match: *, x-amz-checksum-sha256 ─ the reader sees the version: its checksum and
//	its lock ─ success. 412: the reader compares the checksum of the version that is there: same bytes or ErrConflict.
//
// Whatever goes wrong in between, Put again is safe: it finds what took effect. The first version of a key is the
// object, always; what somebody puts over it later, a version or a delete marker, changes no answer.
//
// At Open and then hourly the canary proves with both credentials what all this rests on; what does not hold is a
// [Broken] that names the property and the fix. A store that stays honest towards canaries and lies about the rest
// can't be found so: the checksum and lock of every object that is put are looked at, and recordings are verified
// end to end by their manifests. Whether the store encrypts makes no difference: it is only ever given ciphertext.
package s3
