// Package tree holds the structure of large collections: a B+tree whose inner
// nodes count the elements below them, copied on write by epoch.
//
// There are two trees over the same nodes. An Ordered keeps its elements in the
// order of a 64-bit prefix and, among equal prefixes, of whatever the caller's
// tie function says: hashes and sets (a keyed hash, then bytes), sorted sets
// (score, then member), streams (milliseconds, then sequence). A Sequence keeps
// them by position: lists, and the chunks of a long string.
//
// Prefixes stand beside each other in a node ("poor man's normalized keys":
// Graefe, Modern B-Tree Techniques, 2011), so that a search reads words and
// calls nobody; only equal prefixes cost a call and the element itself.
//
// # Copy on write
//
// Each node carries the epoch in which it was made. A change is given an Epoch
// and changes a node in place only if no one else can see it: if it is younger
// than the last capture of everything and than the last Share of its own tree.
// All others on the path are copied first. So a capture costs nothing for each
// tree, Share costs nothing for the other trees, and the first change after
// either copies one path, some kilobytes. Elements themselves are never
// changed; they are replaced.
//
// One writer, or many readers. A view returned by Share, and a tree that a
// capture holds, are immutable and safe beside the writer.
//
// # Shape
//
// Nothing that a method returns depends on the shape of the nodes, which
// differs between a tree that has lived and one that was built anew. How much
// they can differ in size is bounded by the invariants of node.
package tree
