package syntax_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// corpusQueries reads the queries of a corpus file; the test is skipped where the corpus is absent.
func corpusQueries(t testing.TB, name string) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "corpus", "kql", name))
	if err != nil {
		t.Skip("no query corpus beside the tree:", err)
	}
	defer f.Close()
	out := map[string]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var q struct{ ID, Query string }
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		out[q.ID] = q.Query
	}
	return out
}

func TestCorpusParses(t *testing.T) {
	for _, name := range []string{"doc_examples.jsonl", "doc_parse_only.jsonl", "hunting_m365d.jsonl", "hunting_sentinel.jsonl"} {
		t.Run(name, func(t *testing.T) {
			queries := corpusQueries(t, name)
			failed := 0
			for id, text := range queries {
				q, diags := syntax.Parse(text)
				if len(diags) == 0 {
					continue
				}
				if failed++; failed <= 15 {
					line, col := q.Source.Position(diags[0].Start)
					t.Errorf("%s:%d:%d: %s", id, line, col, diags[0].Message)
				}
			}
			t.Logf("%d of %d parse", len(queries)-failed, len(queries))
		})
	}
}
