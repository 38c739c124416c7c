// Package wrap has what the vaults share: secrets wrapped by generations of keys, names hashed, the erasure ledger.
//
//	ring.go     [Ring]: the generations and what they wrap
//	names.go    [Names]: keyed hashes of names
//	ledger.go   lines of tombstones that outlive the vault
//	cache.go    [Cache]: unwrapped keys in memory, so many at most
//
// Everything here is in memory; where it is stored is the vaults' matter.
package wrap
