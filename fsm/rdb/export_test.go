package rdb

// Checksum lets tests seal what they have changed.
var Checksum = checksum
