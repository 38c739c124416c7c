// Package web carries what browsers load: the client library (client/), for applications that build on Parley, and the
// demo pages (demo/), which `parley dev` serves. Both are plain ES modules and style sheets, embedded as they lie in the
// tree: there is no build step. package.json and tsconfig.json only serve type checking and the browser tests (test/).
//
// The package holds no protocol knowledge and no state beyond the files; the protocol lives in client/, and pages know
// only its classes.
package web
