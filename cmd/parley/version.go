package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for releases (-X main.version=…).
var version = "dev"

// build says what this program was built from; evidence names it (E6).
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	if len(b.Revision) < 12 {
		return "parley " + b.Version
	}
	return "parley " + b.Version + " " + b.Revision[:12]
}

// versionCommand prints what this program is.
type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints one line.
func (v *versionCommand) Run(io streams) error {
	b := thisBuild()
	if v.JSON {
		return json.NewEncoder(io.out).Encode(b)
	}
	_, err := fmt.Fprintf(io.out, "%s (%s, %s)\n", b, b.Go, b.Platform)
	return err
}
