package store

// adviceEmpty is what an operator can do about a directory that no backup helps:
// an older one has lost what this one has lost.
const adviceEmpty = "empty the directory: the node then joins the cluster as a new server and is caught up by the others"

// adviceWipe is what an operator can do about a directory that must not vote again.
const adviceWipe = adviceEmpty
