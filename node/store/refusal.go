package store

// adviceEmpty is the remedy for a directory that must not be used again. A
// backup of it is none: an older copy has forgotten votes and entries.
const adviceEmpty = "empty the directory: the node then joins the cluster as a new server and is caught up by the others"
