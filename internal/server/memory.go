package server

// reserved is how much memory a server holds that is never written to, so that it takes addresses and no memory. The
// collector begins when as much garbage as live memory has come together: a server with a few MB of its own, under load,
// would collect thirty times a second and spend a quarter of its processor time on it.
const reserved = 32 << 20

func reserve() []byte { return make([]byte, reserved) }
