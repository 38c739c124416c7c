// Package granttest holds what every [grant.Store] must do, and an in-memory one that does exactly that.
package granttest
