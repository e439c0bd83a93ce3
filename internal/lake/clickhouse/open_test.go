package clickhouse_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake/clickhouse"
)

// A server that takes a connection and says nothing holds up the one who asked it, and nobody else.
func TestOpenWaitsForNobodyElse(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	connected := make(chan net.Conn, 16)
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			connected <- c
		}
	}()
	e, err := clickhouse.New(address("silent", silent.Addr().String())+"?dial_timeout=60s&read_timeout=60s", clickhouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	first := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, err := e.Open(ctx, "slow")
		first <- err
	}()
	held := <-connected // it is being opened now
	gone, end := context.WithCancel(context.Background())
	end()
	second := make(chan error, 2)
	go func() {
		_, err := e.Open(gone, "other")
		second <- err
		_, err = e.Open(gone, "slow") // the same lake, whose turn does not come
		second <- err
	}()
	for range 2 {
		select {
		case err := <-second:
			if err == nil {
				t.Error("a lake was opened by a server that says nothing")
			}
		case <-time.After(20 * time.Second):
			t.Fatal("a lake that does not open holds up others")
		}
	}
	select {
	case err := <-first:
		t.Errorf("the first did not wait: %v", err)
	default:
	}
	_ = held.Close() // the server goes away
	cancel()
	if err := <-first; err == nil {
		t.Error("a lake was opened by a server that went away")
	}
}
