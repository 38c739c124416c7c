//go:build !linux

package main

func fileSystem(string) string { return "an unknown file system" }

func loadAverage() string { return "unknown" }
