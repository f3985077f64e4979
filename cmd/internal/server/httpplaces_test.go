package server

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/kvorum/kvorum/internal/places"
)

func TestAnswersUnderWayAreTheLastToMakeRoom(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked, goOn := make(chan struct{}), make(chan struct{})
	server := http.Server{ConnContext: withPlace, ConnState: noteHeard, Handler: served(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-goOn
		io.WriteString(w, "answer")
	}))}
	room := places.New(places.Limits{All: 2})
	go server.Serve(&httpListener{listener, room})
	defer server.Close()
	go func() {
		defer close(goOn)
		<-asked
		for range 5 {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
		}
		for room.Ended() < 4 {
			if conn, err := net.Dial("tcp", listener.Addr().String()); err == nil {
				defer conn.Close()
			}
		}
	}()
	response, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); string(body) != "answer" {
		t.Errorf("the answer is %q, %v", body, err)
	}
}
