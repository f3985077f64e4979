package resp

import (
	"cmp"
	"net"
	"slices"
	"syscall"
	"time"
)

// acceptUntilClosed accepts clients until Close, as many at a time as the settings allow.
func (s *Server) acceptUntilClosed() {
	wait := acceptWaitMin
	for {
		conn, err := s.options.Listener.Accept()
		switch {
		case err == nil:
			wait = acceptWaitMin
			if c := s.admitClient(conn); c != nil {
				go c.run()
			}
			continue
		case s.finishing.Load():
			return
		}
		s.logger.Error("accept a client", "error", err)
		select {
		case <-time.After(wait):
			wait = min(2*wait, acceptWaitMax)
		case <-s.stop:
		}
	}
}

// admitClient registers a connection. It returns nil if the connection was refused.
func (s *Server) admitClient(conn net.Conn) *client {
	s.mu.Lock()
	refused, full := s.finishing.Load(), len(s.clients) >= int(s.settings.maxClients.Load())
	var c *client
	if !refused && !full {
		s.numbers++
		c = newClient(s, conn, s.numbers)
		s.clients[c.number] = c
		s.running.Add(1)
	}
	s.mu.Unlock()
	s.stats.connections.Add(1)
	if c != nil {
		s.keepAlive(conn)
		return c
	}
	if full {
		s.stats.refusedConnections.Add(1)
		conn.SetWriteDeadline(time.Now().Add(refusalWait))
		conn.Write([]byte("-ERR max number of clients reached\r\n"))
	}
	conn.Close()
	return nil
}

// keepAlive makes the operating system probe whether a silent client is still there.
func (s *Server) keepAlive(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	idle := time.Duration(s.settings.keepAlive.Load())
	err := tcp.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: idle > 0, Idle: idle, Interval: max(idle/keepAliveProbes, time.Second), Count: keepAliveProbes,
	})
	if err != nil {
		s.logger.Debug("keep a connection alive", "addr", conn.RemoteAddr(), "error", err)
	}
}

// everyone returns the connected clients in the order in which they connected.
func (s *Server) everyone() []*client {
	s.mu.Lock()
	clients := make([]*client, 0, len(s.clients))
	for _, c := range s.clients {
		clients = append(clients, c)
	}
	s.mu.Unlock()
	slices.SortFunc(clients, func(a, b *client) int { return cmp.Compare(a.number, b.number) })
	return clients
}

// descriptor returns a socket's file descriptor, or -1 if it has none.
func descriptor(conn net.Conn) int {
	number := -1
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { number = int(fd) })
		}
	}
	return number
}
