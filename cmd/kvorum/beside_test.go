package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// unreadyFor wants /readyz to say no, with these words.
func unreadyFor(t *testing.T, port int, words ...string) {
	t.Helper()
	eventually(t, 30*time.Second, func() error {
		response, err := http.Get("http://" + loopback(port+httpPortOffset) + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		said := string(body)
		for _, word := range words {
			if response.StatusCode == http.StatusOK || !strings.Contains(said, word) {
				return fmt.Errorf("%s, %s: no %q", response.Status, said, word)
			}
		}
		return nil
	})
}

// A directory that kvorum init has made is served once without the flags that were meant
// for it. With them it is not ready beside the cluster that they name, and is not started.
func TestADirectoryServedOnceByMistakeIsNotReadyBesideItsCluster(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 2)
	data := initialised(t, "n1", port)
	n1 := startServe(t, "n1", port, data)
	n1.awaitReady(port)
	n1.stop()
	n1 = startServe(t, "n1", port, data, "--join", loopback(port+1+peerPortOffset))
	n1.awaitReady(port)
	startServe(t, "n2", port+1, initialised(t, "n2", port+1))
	unreadyFor(t, port, "founded alone", "n2@", "of another cluster", "with an empty directory")
	n1.stop()
	startServe(t, "n1", port, data, "--join", loopback(port+1+peerPortOffset)).ends("founded alone", "of another cluster", "with an empty directory")
}
