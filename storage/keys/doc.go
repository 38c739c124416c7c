// Package keys declares the vault: named data keys that are kept wrapped by a root key, outside the main database and
// its dumps, and the key that signs heads. Destroying a data key is erasure of all that it sealed (L1, R2), while every
// chain over the ciphertext still verifies.
//
//	keys/file      one node: a folder of wrapped keys
//	keys/keystest  what every vault must do
//
// It seals nothing itself: whoever holds a key chooses nonces and formats.
package keys
