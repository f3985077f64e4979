// Package boltpages looks at the pages of a bbolt file from outside. bbolt has checksums on its
// two meta pages only: what else is damaged it believes, panics over (in
// goroutines of its own too) or faults on. Here every page that the newest root
// reaches is read with ReadAt and held against what bbolt writes:
//
//   - a page has the number, the kind and the size that it must have, lies within
//     the file and is reached once;
//   - its elements follow each other without gaps, and behind the last there are
//     zeros;
//   - keys ascend, within a page and from page to page;
//   - the root holds buckets and nothing else, and they hold keys and nothing else;
//   - the list of free pages, if one is kept, names every page that is not reached, and
//     no other.
//
// A file that passes can be opened: what bbolt finds on its way is what was
// written. Keys are handed to the caller, and values if it asks for them: what a value says is
// not protected here, since whoever stores one adds a checksum.
package boltpages
