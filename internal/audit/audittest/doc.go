// Package audittest has the suite that every store of the audit log must pass, and a store in memory that can be made
// to fail, for tests of what must be recorded.
package audittest
