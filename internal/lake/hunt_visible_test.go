package lake_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql"
)

// A table that a principal may not see does not exist for it, whatever way it takes: neither rows nor names nor columns of it come out.
func TestInvisibleTablesDoNotExist(t *testing.T) {
	store := huntStore(t)
	row := schema.NewRow("EmailEvents")
	row.Set("Timestamp", huntNow.Add(-time.Hour))
	row.Set("Subject", "the-secret-subject")
	row.Set("SenderFromAddress", "mallory@example.org")
	if err := store.Append(context.Background(), []*schema.Row{row}, map[string]int64{"mail": 1}); err != nil {
		t.Fatal(err)
	}
	visible := func(t *schema.Table) bool { return t.Workload != "Email & collaboration" }
	functions := []kql.StoredFunction{
		{Name: "Mails", Text: "() { EmailEvents }"},
		{Name: "AllMail", Text: "() { union Email* }"},
		{Name: "Wide", Text: "() { search 'the-secret-subject' }"},
		{Name: "Named", Text: "(n:string) { table(n) }"},
	}
	for _, query := range []string{
		"EmailEvents", "union EmailEvents", "union Email*", "union isfuzzy=true EmailEvents, DeviceProcessEvents", "union * | where * has 'the-secret-subject'", "search 'the-secret-subject'",
		"search in (EmailEvents) 'secret'", "search in (*) 'the-secret-subject'", "find in (Email*) where Subject has 'secret'", "find where Subject has 'the-secret-subject'",
		"table('EmailEvents')", "database('x').EmailEvents", "cluster('x').database('y').EmailEvents", "let f = () { EmailEvents }; f()", "print toscalar(EmailEvents | project Subject)",
		"DeviceProcessEvents | where FileName in ((EmailEvents | project Subject))", "DeviceProcessEvents | join kind=fullouter EmailEvents on Timestamp", "DeviceProcessEvents | lookup EmailEvents on Timestamp",
		"DeviceProcessEvents | union EmailEvents", "Mails()", "AllMail()", "Wide()", "Named('EmailEvents')", "DeviceProcessEvents | invoke Mails()", "let t = materialize(EmailEvents); t",
		"EmailEvent", "emailevents", "DeviceProcessEvents | where Subject == ''", "Email Events", "EmailEvents | getschema", "union withsource=T * | distinct T", "find withsource=T in (*) where true",
		"DeviceProcessEvents | partition by DeviceId (EmailEvents)", "DeviceProcessEvents | mv-apply x = pack_array(1) on (EmailEvents)", "union (DeviceProcessEvents), (EmailEvents | where 1 == 1)",
		"print SHA256 = 'x' | invoke FileProfile(SHA256) | union EmailEvents", "evaluate bag_unpack(EmailEvents)", "EmailEvents | as X | union DeviceInfo", "restrict access to (EmailEvents); EmailEvents",
	} {
		q := lake.Query{Text: query, Now: huntNow, Visible: visible, Functions: functions}
		var said []any
		res, err := lake.Run(context.Background(), store, q)
		if res != nil {
			said = append(said, res.Rows, res.Schema, res.Warnings)
		}
		if err != nil {
			said = append(said, err.Error())
		}
		x, err := lake.Explain(context.Background(), store, q)
		if err != nil {
			said = append(said, err.Error())
		}
		said = append(said, x, lake.Check(q))
		raw, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		for _, secret := range []string{"mallory@example.org", "SenderFromAddress", "EmailUrlInfo", "EmailPostDeliveryEvents"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %s comes out: %.300s", query, secret, text)
			}
		}
		// The name itself comes back only where the query said it.
		if !strings.Contains(query, "EmailEvents") && !strings.Contains(query, "Mail") && strings.Contains(text, "EmailEvents") {
			t.Errorf("%s: the name of the table comes out: %.300s", query, text)
		}
		if strings.Count(text, "the-secret-subject") > 0 && !strings.Contains(query, "the-secret-subject") && !strings.Contains(query, "Wide") {
			t.Errorf("%s: a value comes out: %.300s", query, text)
		}
	}
	res, err := lake.Run(context.Background(), store, lake.Query{Text: "EmailEvents | project Subject", Now: huntNow})
	if err != nil || len(res.Rows) != 1 {
		t.Fatalf("whoever may see it: %v, %v", res, err)
	}
}
