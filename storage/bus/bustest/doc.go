// Package bustest has the suite that every bus must pass. A bus may lose messages; the suite therefore sends again
// until something arrives, and only holds to be wrong what must never arrive.
package bustest
