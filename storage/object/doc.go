// Package object declares the store of immutable objects: sealed segments and manifests of recordings, later
// attachments and export bundles. What is put is ciphertext; a store never sees more.
//
//	object/fs          a folder
//	object/s3          locked buckets of an S3 store
//	object/objecttest  what every store must do
//
// There is no overwriting and no partial write, so whoever reads a key reads what was put there or nothing.
package object
