// Package glob matches names against patterns as Redis's KEYS does.
package glob
