// Package child says how the programs under scripts start processes that must not
// outlive them.
package child
