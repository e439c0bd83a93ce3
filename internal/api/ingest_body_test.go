package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
)

// drip opens a delivery and sends its body a byte at a time, as long as the server bears it; it returns the answer's status.
func drip(t *testing.T, h *house, secret, path string, every time.Duration) int {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n", path, secret)
	answered := make(chan int, 1)
	go func() {
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			answered <- 0
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		answered <- res.StatusCode
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case status := <-answered:
			return status
		case <-tick.C:
			_, _ = c.Write([]byte(" ")) // fails once the server has had enough
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: a slow sender holds its worker", path)
		}
	}
}

func TestSlowSendersAreLetGo(t *testing.T) {
	h := open2(t)
	_, secret := h.token("t2", access.ScopeIngest)
	for _, path := range []string{"/_bulk", "/services/collector", "/services/collector/raw", "/v1/logs", "/ingest/v1/auto"} {
		// One byte now and then keeps a connection from being idle: its rate tells.
		h.server.pace = pace{pause: 10 * time.Second, grace: 200 * time.Millisecond}
		if status := drip(t, h, secret, path, 20*time.Millisecond); status != 429 {
			t.Errorf("%s: a trickle is answered %d", path, status)
		}
		// Nothing at all.
		h.server.pace = pace{pause: 200 * time.Millisecond, grace: 10 * time.Second}
		if status := drip(t, h, secret, path, time.Hour); status != 429 {
			t.Errorf("%s: a sender that stopped is answered %d", path, status)
		}
	}
	if len(h.ingest.took) > 0 {
		t.Errorf("took %q", h.ingest.took)
	}
	if h.server.deliveries.total != 0 || len(h.server.deliveries.places) != 0 || h.server.deliveries.held != 0 {
		t.Errorf("places are still taken: %+v", h.server.deliveries)
	}
	if status, _, got := h.shipper().send("POST", "/_bulk", "Bearer "+secret, "", `{"index":{}}`+"\n{}\n"); status != 200 {
		t.Errorf("afterwards: %d %s", status, got)
	}
}

func TestDeliveriesAtATime(t *testing.T) {
	h := open2(t)
	_, secret := h.token("t2", access.ScopeIngest)
	_, other := h.token("t2", access.ScopeIngest)
	line := `{"index":{}}` + "\n{}\n"
	tk := h.tokens("t2")
	for _, id := range tk[:1] {
		for range senderPlaces {
			if err := h.server.deliveries.enter(id); err != nil {
				t.Fatal(err)
			}
		}
	}
	first, _, _ := h.shipper().send("POST", "/_bulk", "Bearer "+secret, "", line)
	second, _, _ := h.shipper().send("POST", "/_bulk", "Bearer "+other, "", line)
	if first+second != 200+503 {
		t.Errorf("one sender at its bound: %d, %d", first, second)
	}
	for range senderPlaces {
		h.server.deliveries.leave(tk[0], 0)
	}
	for i := range deliveryPlaces {
		if err := h.server.deliveries.enter(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if status, header, got := h.shipper().send("POST", "/services/collector", "Splunk "+secret, "", `{"event":"x"}`); status != 503 || header.Get("Retry-After") == "" || !strings.Contains(got, `"code":9`) {
		t.Errorf("all places taken: %d %s", status, got)
	}
	for i := range deliveryPlaces {
		h.server.deliveries.leave(fmt.Sprint(i), 0)
	}
	h.server.deliveries.held = h.server.deliveries.most
	if status, _, got := h.shipper().send("POST", "/_bulk", "Bearer "+secret, "", line); status != 503 {
		t.Errorf("too many bytes held: %d %s", status, got)
	}
	h.server.deliveries.held = 0
	if status, _, got := h.shipper().send("POST", "/_bulk", "Bearer "+secret, "", line); status != 200 {
		t.Errorf("afterwards: %d %s", status, got)
	}
}

// Documents that would use up a parser's stack or a server's memory are refused in the words of their protocol.
func TestHostileBodies(t *testing.T) {
	h := open1(t, t.TempDir()+"/state.db", func(d *Deps) { d.MaxIngest = 8 << 20 })
	_, secret := h.token("t2", access.ScopeIngest)
	deep := strings.Repeat("[", 2<<20)
	for name, c := range map[string]struct {
		path, kind, body string
		status           int
		want             string
	}{
		"bulk, deep":      {"/_bulk", "", `{"index":{}}` + "\n" + deep + "\n", 200, `"status":400`},
		"bulk, a key":     {"/_bulk", "", `{"index":{}}` + "\n" + `{"` + strings.Repeat("k", 5<<20) + `":1}` + "\n", 200, "longer than"},
		"HEC, deep":       {"/services/collector", "", `{"event":` + deep, 400, `"code":6`},
		"HEC, long":       {"/services/collector", "", `[{"event":"` + strings.Repeat("x", 5<<20) + `"}]`, 413, "longer than"},
		"OTLP, deep":      {"/v1/logs", "application/json", `{"resourceLogs":` + deep, 413, "nested deeper"},
		"OTLP, many":      {"/v1/logs", "application/json", `{"resourceLogs":[` + strings.Repeat(`{},`, 1_100_000) + `{}]}`, 413, "more than"},
		"OTLP, broken":    {"/v1/logs", "application/x-protobuf", "\x0a\xff\xff\xff\xff\x0f", 400, ""},
		"records, deep":   {"/ingest/v1/auto", "", deep, 200, ""},
		"a bomb of zeros": {"/ingest/v1/auto", "", string(make([]byte, 4<<20)), 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, got := h.shipper().send("POST", c.path, "Bearer "+secret, c.kind, c.body)
			if status != c.status || !strings.Contains(got, c.want) {
				t.Errorf("%d %.300s; want %d %s", status, got, c.status, c.want)
			}
		})
	}
}
