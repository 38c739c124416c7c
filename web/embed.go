package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed client demo
var files embed.FS

// Client serves the client library under /client/, so that an application can import /client/index.js. Any origin may
// read it; it holds nothing that is not public.
func Client() http.Handler { return &server{assets: load("client/", "client")} }

// Demo serves the demo pages at / and beside them what [Client] does.
func Demo() http.Handler {
	return &server{assets: load("client/", "client"), pages: load("", "demo")}
}

// asset is one file as it goes out. Its tag is the hash of its bytes, so that a browser asks with every load and gets
// the bytes only when they are other ones: a page and its modules never come from different versions.
type asset struct {
	name, kind, tag string
	body            string
}

type server struct{ assets, pages map[string]asset }

// kinds are set here because the system's table differs between machines, and a module of a wrong type does not run.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".json": "application/json",
	".md":   "text/markdown; charset=utf-8",
	".ts":   "text/plain; charset=utf-8",
}

// load reads a folder of the embedded tree; names get the prefix. What is wrong with it is a fault of the build.
func load(prefix, dir string) map[string]asset {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		panic(fmt.Sprintf("web: open %s: %v", dir, err))
	}
	all := map[string]asset{}
	err = fs.WalkDir(sub, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(sub, name)
		all[prefix+name] = newAsset(name, string(body))
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("web: read %s: %v", dir, err))
	}
	return all
}

func newAsset(name, body string) asset {
	sum := sha256.Sum256([]byte(body))
	kind := kinds[path.Ext(name)]
	if kind == "" {
		kind = mime.TypeByExtension(path.Ext(name))
	}
	return asset{name: name, kind: kind, tag: `"` + hex.EncodeToString(sum[:12]) + `"`, body: body}
}

// ServeHTTP answers GET and HEAD for the files there are. The map is the whole tree: no path reaches anything else.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	a, ok := s.find(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	setHeaders(w.Header(), a)
	if _, library := s.assets[strings.TrimPrefix(r.URL.Path, "/")]; library {
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}
	http.ServeContent(w, r, "", zeroTime, strings.NewReader(a.body))
}

func (s *server) find(urlPath string) (asset, bool) {
	name := strings.TrimPrefix(urlPath, "/")
	if a, ok := s.assets[name]; ok {
		return a, true
	}
	if name == "" {
		name = "index.html"
	}
	a, ok := s.pages[name]
	return a, ok
}
