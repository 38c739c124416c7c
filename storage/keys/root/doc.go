// Package root has the places where a vault's root key may come from.
//
//	FILE                                  a file of its owner's alone: "parley root key v1 " and 64 hexadecimal digits
//	env:NAME                              the same text, or the digits alone, in an environment variable
//	hcvault://HOST[:PORT]/MOUNT/keys/KEY  a key of the transit engine of a HashiCorp Vault or OpenBao, which never
//	                                      leaves it; the token is in VAULT_TOKEN, the namespace in VAULT_NAMESPACE
//
// A key in a file or in the environment wraps by AES-256-GCM in memory. A KMS is asked once for each generation when a
// vault is opened, and when a generation is made or met for the first time; it is spoken to by TLS only (A4).
//
// The KMS of AWS and of Google are left out: their client libraries are many times the size of all that is here, and
// none of them can be tried without an account. Another KMS is another [keys.Root].
package root
