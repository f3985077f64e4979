// Package child says how a program starts processes that must not outlive it.
package child
