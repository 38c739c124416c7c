// Package privacytest holds what every [privacy.Store] must do, and an in-memory one that does exactly that.
package privacytest
