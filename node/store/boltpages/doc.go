// Package boltpages checks the pages of a bbolt file from outside. bbolt has checksums only on its
// two meta pages. It believes other damage, panics over it (also in goroutines of its own), or
// faults on it. This package reads every page that the newest root reaches with ReadAt, and checks
// it against what bbolt writes:
//
//   - a page has the expected number, kind and size, lies within the file and is
//     reached once;
//   - its elements follow each other without gaps, and behind the last there are
//     zeros;
//   - keys ascend, within a page and from page to page;
//   - the root holds buckets and nothing else, and they hold keys and nothing else;
//   - the list of free pages, if one is kept, names exactly the pages that are not
//     reached.
//
// A file that passes can be opened: everything on bbolt's way is as it was written. The caller
// gets the keys, and the values on request. The content of values is not protected here; whoever
// stores them adds a checksum.
package boltpages
