// Package keys declares the vault: named data keys that are kept wrapped by a root key, outside the main database and
// its dumps, and the key that signs heads. Destroying a data key is erasure of all that it sealed (L1, R2), while every
// chain over the ciphertext still verifies.
//
//	root key          outside of the vault: a file, the environment, a KMS ([Root])
//	└ generation      a secret of the vault that a rotation replaces, wrapped by the root key
//	  ├ names key     hashes names and authenticates the erasure ledger; stays for the life of the vault
//	  ├ signing key   Ed25519; succeeded keys stay as public keys
//	  └ data keys     and the tombstones of those that were destroyed
//
//	keys/file      one node: a folder of wrapped keys
//	keys/sql       several nodes: a PostgreSQL database of its own
//	keys/root      where root keys come from
//	keys/wrap      how secrets are wrapped and names hashed, the same in both vaults; the erasure ledger
//	keys/keystest  what every vault must do
//
// It seals nothing itself: whoever holds a key chooses nonces and formats.
package keys
