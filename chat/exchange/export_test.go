package exchange

// Sweep does once what Run does again and again.
var Sweep = (*Service).sweep
