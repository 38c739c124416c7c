// Package s3 holds what an operator gives an S3 store before the server uses it: the policies of the two credentials
// and the lifecycles of the buckets, for a store named parley. README.md says how; tests use these very files.
package s3

import _ "embed" // the files beside

// WriterPolicy lets a credential put objects and nothing else. Under part/canary/locked/ it may try to delete and to
// shorten, so that a refusal there is the lock's own.
//
//go:embed writer-policy.json
var WriterPolicy []byte

// ReaderPolicy lets a credential read every version and see how the buckets are set.
//
//go:embed reader-policy.json
var ReaderPolicy []byte

// PartLifecycle removes parts once their lock has ended.
//
//go:embed lifecycle-part.json
var PartLifecycle []byte

// AttachmentLifecycle removes no object: chat is kept from the end of its conversation, which no store knows.
//
//go:embed lifecycle-attachment.json
var AttachmentLifecycle []byte

// RecordingLifecycle removes recordings once their lock has ended.
//
//go:embed lifecycle-recording.json
var RecordingLifecycle []byte
