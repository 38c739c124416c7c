// Package keystest has the suite that every vault must pass, and a vault in memory for the tests of other packages.
package keystest
