package recording

// EntryHash is how a manifest's lines are linked, for tests that forge.
var EntryHash = entryHash

// Disk and File are for tests whose disk fails.
type (
	Disk = disk
	File = file
)

// WithDisk sets a recorder's disk.
func WithDisk(c *Config, d Disk) { c.disk = d }

// RealDisk is the operating system's.
var RealDisk Disk = osDisk{}
