// Command parley is the server: `parley dev` runs everything embedded with demo users, `parley serve` is the same
// program for real use, `parley token` mints a token for development, `parley version` says what this is.
//
// Shape: config.go is the one documented struct of settings (flags, PARLEY_… in the environment, a YAML file);
// check.go refuses what can't work and names the fix; one file a command. It holds no behaviour of the server: that is
// wired in internal/server.
package main
