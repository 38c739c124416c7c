package strip

// PNGChunk makes a chunk.
var PNGChunk = pngChunk
