// Package stage provides what the demos are played on: processes that end with the demo however it
// ends, a network that can be cut, a Kvorum cluster of such processes or of containers, and a Redis
// with replicas and Sentinels.
package stage
