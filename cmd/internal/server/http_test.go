package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// silences are the ways in which somebody may hold a connection to the health port and
// go no further.
var silences = map[string]string{
	"before a request":    "",
	"within a header":     "GET /readyz HTTP/1.1\r\nHost: n1\r\n",
	"within a body":       "POST /readyz HTTP/1.1\r\nHost: n1\r\nContent-Length: 1000000\r\n\r\nx",
	"between requests":    "GET /readyz HTTP/1.1\r\nHost: n1\r\n\r\n",
	"without reading":     "GET /metrics HTTP/1.1\r\nHost: n1\r\n\r\n",
	"as another protocol": "*1\r\n$4\r\nPING\r\n",
}

func TestSilentConnectionsToTheHealthPortShutNobodyOut(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	c.startAll()
	for name, said := range silences {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				hold(t, c.health["n1"], said)
			}
			for _, path := range []string{"/healthz", "/readyz", "/status", "/metrics"} {
				if err := ask("http://" + c.health["n1"] + path); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// hold opens a connection, says something and no more, and reads nothing.
func hold(t *testing.T, addr, said string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_, _ = io.WriteString(conn, said) // it may have been ended by now
	return conn
}

// ask wants an answer at once, on a connection of its own.
func ask(url string) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s, %w", url, response.Status, err)
	}
	return nil
}

// The oldest connections are closed, or each would hold a descriptor.
func TestConnectionsToTheHealthPortAreBounded(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	c.startAll()
	var conns []net.Conn
	for range 50 {
		conns = append(conns, hold(t, c.health["n1"], ""))
	}
	for i, conn := range conns {
		wait := 100 * time.Millisecond
		if ended := i < len(conns)-32; ended {
			wait = 2 * time.Second
		}
		if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		_, err := conn.Read(make([]byte, 1))
		var late net.Error
		open := errors.As(err, &late) && late.Timeout()
		if open != (i >= len(conns)-32) {
			t.Errorf("connection %d of %d is open: %v, %v", i+1, len(conns), open, err)
		}
	}
}

func TestAStopDoesNotWaitForSilentConnectionsToTheHealthPort(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	c.startAll()
	for _, said := range silences {
		hold(t, c.health["n1"], said)
	}
	if err := ask("http://" + c.health["n1"] + "/metrics"); err != nil { // so they have arrived
		t.Fatal(err)
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.servers["n1"].Close(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("the stop took %v", took)
	}
}
