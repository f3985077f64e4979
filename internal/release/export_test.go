package release

// Parse reads a list of releases.
var Parse = parse
