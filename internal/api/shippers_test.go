package api

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/bartizan-sec/bartizan/internal/access"
)

// conversation is what a shipper asks and sends, and what it goes on with.
type conversation struct {
	Agent     string
	Gzip      bool
	Exchanges []struct {
		Ask, Kind, Body string
		Status          int
		Has             map[string]string // members of the answer, by dotted path
		Acked, Dropped  int               // items of a bulk request, as a Beat judges them
	}
}

// TestShippers replays the conversations of testdata/shippers against the receivers.
func TestShippers(t *testing.T) {
	files, err := filepath.Glob("testdata/shippers/*.yml")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var c conversation
			if err := yaml.Unmarshal(raw, &c); err != nil || len(c.Exchanges) == 0 {
				t.Fatal(err)
			}
			h := open2(t)
			_, secret := h.token("t2", access.ScopeIngest)
			acked := 0
			for _, x := range c.Exchanges {
				method, path, _ := strings.Cut(x.Ask, " ")
				var body io.Reader = strings.NewReader(x.Body)
				if c.Gzip && x.Body != "" {
					var b bytes.Buffer
					z := gzip.NewWriter(&b)
					_, _ = z.Write([]byte(x.Body))
					_ = z.Close()
					body = &b
				}
				req, err := http.NewRequest(method, h.url+path, body)
				if err != nil {
					t.Fatal(err)
				}
				if c.Gzip && x.Body != "" {
					req.Header.Set("Content-Encoding", "gzip")
				}
				if x.Kind != "" {
					req.Header.Set("Content-Type", x.Kind)
				}
				req.Header.Set("User-Agent", c.Agent)
				req.Header.Set("Accept", "application/json")
				req.Header.Set("Authorization", "ApiKey "+base64.StdEncoding.EncodeToString([]byte("id:"+secret)))
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				got, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != x.Status || res.Header.Get("X-Elastic-Product") != "Elasticsearch" {
					t.Errorf("%s: %d %s, want %d", x.Ask, res.StatusCode, got, x.Status)
				}
				var answer map[string]any
				if method != http.MethodHead && !strings.HasPrefix(res.Header.Get("Content-Type"), "text/") {
					if err := json.Unmarshal(got, &answer); err != nil {
						t.Errorf("%s: %s is no JSON", x.Ask, got)
					}
				}
				for path, want := range x.Has {
					var v any = answer
					for _, part := range strings.Split(path, ".") {
						m, _ := v.(map[string]any)
						v = m[part]
					}
					if fmt.Sprint(v) != want {
						t.Errorf("%s: %s is %v, want %s", x.Ask, path, v, want)
					}
				}
				if x.Acked+x.Dropped > 0 {
					a, d := judge(t, got)
					if a != x.Acked || d != x.Dropped {
						t.Errorf("%s: %d acknowledged and %d dropped of %s", x.Ask, a, d, got)
					}
					acked += a
				}
			}
			if len(h.ingest.took) != acked {
				t.Errorf("%d records acknowledged, took %q", acked, h.ingest.took)
			}
		})
	}
}

// judge reads a bulk answer as Beats do: below 300 an item is there, 429 and from 500 on it is sent again, otherwise it is dropped.
func judge(t *testing.T, raw []byte) (acked, dropped int) {
	t.Helper()
	var answer struct {
		Errors *bool
		Items  []map[string]struct {
			Status int
			Error  json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Errors == nil {
		t.Fatalf("%s: %v", raw, err)
	}
	for _, item := range answer.Items {
		for _, it := range item {
			switch {
			case it.Status < 300 && it.Error == nil:
				acked++
			case it.Status == 429 || it.Status >= 500:
				t.Errorf("an item is to be sent again: %s", raw)
			default:
				dropped++
			}
		}
	}
	if *answer.Errors != (dropped > 0) {
		t.Errorf("errors is %v with %d dropped", *answer.Errors, dropped)
	}
	return acked, dropped
}
