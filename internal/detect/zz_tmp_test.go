package detect_test

import (
	"bytes"
	"sort"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/ingest/evtx"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func TestZZEvtx(t *testing.T) {
	d := publicRules(t)
	for _, a := range []string{"evtx-attack-samples", "evtx-to-mitre", "evtx-ordinary-and-odd"} {
		files := untar(t, sampleData(t)+"/endpoint/"+a+".tar.gz")
		n, ok, recs, loud, refused := 0, 0, 0, 0, 0
		var missed []string
		titles := map[string]int{}
		var names []string
		for name := range files { names = append(names, name) }
		sort.Strings(names)
		family := winlog.New(normalise.NewProcessCache(20000))
		for _, name := range names {
			if !strings.HasSuffix(name, ".evtx") { continue }
			n++
			hit := false
			data := files[name].Data
			evtx.Read(bytes.NewReader(data), int64(len(data)), func(num int64, j []byte) error {
				recs++
				var out normalise.Batch
				if err := family.Normalise(&normalise.Record{Tenant: tenant.Default, File: name, Number: num, Data: j}, &out); err != nil { refused++; return nil }
				for _, x := range d.Evaluate(out.Events) {
					hit = true
					if x.Severity == "High" { loud++; titles[x.Title]++ }
				}
				return nil
			}, func(int64, string, string) { refused++ })
			if hit { ok++ } else { missed = append(missed, name) }
		}
		t.Logf("%s: %d of %d, %d records, %d refused, %d loud (%.2f per 10k)", a, ok, n, recs, refused, loud, float64(loud)*1e4/float64(recs))
		if a != "evtx-ordinary-and-odd" { t.Log(strings.Join(missed, "\n")) } else { for k, v := range titles { t.Log(v, k) } }
	}
}
