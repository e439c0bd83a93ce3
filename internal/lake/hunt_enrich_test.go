package lake_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

func enrichStore(t *testing.T) lake.Store {
	t.Helper()
	store := huntStore(t)
	var rows []*schema.Row
	add := func(table string, at time.Time, cells ...any) {
		r := schema.NewRow(table)
		r.Set("Timestamp", at)
		for i := 0; i < len(cells); i += 2 {
			r.Set(cells[i].(string), cells[i+1])
		}
		rows = append(rows, r)
	}
	day := 24 * time.Hour
	add("DeviceFileEvents", huntNow.Add(-40*day), "DeviceId", "d1", "SHA1", "aa", "SHA256", "aaaa", "FileSize", 7)
	add("DeviceProcessEvents", huntNow.Add(-2*day), "DeviceId", "d2", "SHA1", "aa", "ProcessVersionInfoCompanyName", "Acme")
	add("DeviceImageLoadEvents", huntNow.Add(-1*day), "DeviceId", "d2", "SHA1", "bb")
	add("DeviceFileCertificateInfo", huntNow.Add(-1*day), "DeviceId", "d2", "SHA1", "aa", "Signer", "Acme Ltd", "IsSigned", true, "IsTrusted", true)
	add("AlertEvidence", huntNow.Add(-1*day), "SHA1", "bb", "ThreatFamily", "Badness")
	add("DeviceNetworkInfo", huntNow.Add(-3*day), "DeviceId", "d1", "DeviceName", "one", "IPAddresses", `[{"IPAddress":"10.0.0.1"},{"IPAddress":"fe80::1"}]`)
	add("DeviceNetworkInfo", huntNow.Add(-1*day), "DeviceId", "d2", "DeviceName", "two", "IPAddresses", `[{"IPAddress":"10.0.0.1"}]`)
	add("DeviceNetworkEvents", huntNow.Add(-2*day), "DeviceId", "d3", "DeviceName", "three", "LocalIP", "10.0.0.3", "RemoteIP", "10.0.0.1", "ActionType", "ConnectionSuccess")
	if err := store.Append(context.Background(), rows, map[string]int64{"enrich": 1}); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestEnrichment(t *testing.T) {
	store := enrichStore(t)
	for name, c := range map[string]struct{ query, want string }{
		"a file":              {`print SHA1 = "aa" | invoke FileProfile() | project GlobalPrevalence, GlobalFirstSeen < ago(30d), Signer, SignatureState, IsExecutable, Publisher, FileSize, ProfileAvailability`, "[[2 true Acme Ltd SignedValid true Acme 7 Available]]"},
		"by another hash":     {`print Hash256 = "aaaa" | invoke FileProfile("Hash256", 10) | project SHA1, GlobalPrevalence`, "[[aa 1]]"},
		"a threat":            {`print SHA1 = "bb" | invoke FileProfile(SHA1, 1000) | project ThreatName, SignatureState`, "[[Badness Unknown]]"},
		"an unknown file":     {`print SHA1 = "zz", k = 1 | invoke FileProfile("SHA1") | project k, GlobalPrevalence, Signer, ProfileAvailability`, "[[1 <nil>  Missing]]"},
		"no such column":      {`print x = 1 | invoke FileProfile("SHA1") | project x, ProfileAvailability`, "[[1 Missing]]"},
		"rows stay":           {`range i from 1 to 5 step 1 | extend SHA1 = iff(i % 2 == 0, "aa", "") | invoke FileProfile() | summarize count(), countif(ProfileAvailability == "Available")`, "[[5 2]]"},
		"columns stay":        {`DeviceProcessEvents | where SHA1 == "aa" | invoke FileProfile() | project DeviceId, SHA1, GlobalPrevalence, TimeGenerated > ago(3d)`, "[[d2 aa 2 true]]"},
		"at most so many":     {`range i from 1 to 50 step 1 | extend SHA1 = iff(i == 7, "bb", "aa") | invoke FileProfile(SHA1, 1) | summarize dcount(SHA1) by ProfileAvailability | order by ProfileAvailability asc`, "[[Available 1] [Missing 1]]"},
		"a device by address": {`print IP = "10.0.0.1" | invoke DeviceFromIP()`, "[[10.0.0.1 d2]]"},
		"at a time":           {`DeviceFromIP("10.0.0.1", ago(2d))`, "[[10.0.0.1 d1]]"},
		"addresses":           {`AssignedIPAddresses("one", now()) | project IPAddress, IPType | order by IPAddress asc`, "[[10.0.0.1 Private] [fe80::1 LinkLocal]]"},
		"addresses before":    {`AssignedIPAddresses("d1", ago(30d)) | count`, "[[0]]"},
		"seen by":             {`print DeviceId = "d1" | invoke SeenBy()`, "[[d3]]"},
		"seen by one":         {`SeenBy("d2")`, "[[d3]]"},
	} {
		t.Run(name, func(t *testing.T) {
			// The time range of the query bounds its own tables, not what is known about files.
			res, err := lake.Run(context.Background(), store, lake.Query{Text: c.query, Now: huntNow, From: huntNow.Add(-5 * 24 * time.Hour), To: huntNow})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(res.Rows); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// What a principal may not see, and rows outside of what a rule is bound to, take no part in enrichment.
func TestEnrichmentKeepsToWhatIsVisible(t *testing.T) {
	store := enrichStore(t)
	run := func(q lake.Query) string {
		t.Helper()
		q.Now = huntNow
		res, err := lake.Run(context.Background(), store, q)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(res.Rows)
	}
	const query = `print SHA1 = "aa" | invoke FileProfile() | project GlobalPrevalence, Signer, Publisher`
	hide := func(names ...string) func(*schema.Table) bool {
		return func(t *schema.Table) bool {
			for _, n := range names {
				if t.Name == n {
					return false
				}
			}
			return true
		}
	}
	if got := run(lake.Query{Text: query, Visible: hide("DeviceProcessEvents", "DeviceFileCertificateInfo")}); got != "[[1  ]]" {
		t.Errorf("without two tables: %s", got)
	}
	if got := run(lake.Query{Text: query, Visible: func(*schema.Table) bool { return false }}); got != "[[<nil>  ]]" {
		t.Errorf("without any table: %s", got)
	}
	if got := run(lake.Query{Text: query, Only: map[string]string{"DeviceId": "d1"}}); got != "[[1  ]]" {
		t.Errorf("bound to one device: %s", got)
	}
}
