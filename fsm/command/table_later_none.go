//go:build !kvorum_later

package command

// laterRows are none but in a program that is built to test upgrades.
var laterRows []*Command
