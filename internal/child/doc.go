// Package child holds the attributes with which a program starts processes that must not
// outlive it.
package child
