package queue_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bartizan-sec/bartizan/internal/incident/queue"
)

func entry(t *rapid.T, id int64) queue.Entry {
	pick := func(name string, list ...string) string { return rapid.SampledFrom(list).Draw(t, name) }
	e := queue.Entry{
		ID: id, Status: int16(rapid.IntRange(0, 3).Draw(t, "status")), Severity: int16(rapid.IntRange(0, 3).Draw(t, "severity")), Lab: rapid.Bool().Draw(t, "lab"),
		Updated: rapid.Int64Range(0, 20).Draw(t, "updated"), Last: rapid.Int64Range(0, 20).Draw(t, "last"), Alerts: rapid.Int64Range(1, 5).Draw(t, "alerts"),
		Name: pick("name", "Alpha", "beta", "Gamma"), AssignedTo: pick("owner", "", "anna", "bo"), Classification: pick("class", "Unknown", "TruePositive"),
		Services: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"endpoint", "email", "identity"}), 0, 3, rapid.ID[string]).Draw(t, "services"),
		Tags:     rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"vip", "q2"}), 0, 2, rapid.ID[string]).Draw(t, "tags"),
	}
	e.Search = strings.ToLower(e.Name + " pc-" + fmt.Sprint(id))
	return e
}

// matches is the filter said plainly.
func matches(f *queue.Filter, e queue.Entry, skip queue.Field) bool {
	any := func(field queue.Field, have ...string) bool {
		want := f.Texts[field]
		return field == skip || len(want) == 0 || slices.ContainsFunc(have, func(h string) bool { return slices.Contains(want, h) })
	}
	return (skip == queue.Status || len(f.Status) == 0 || slices.Contains(f.Status, e.Status)) && (e.Status != f.Hidden || slices.Contains(f.Status, e.Status)) &&
		(skip == queue.Severity || len(f.Severity) == 0 || slices.Contains(f.Severity, e.Severity)) && any(queue.AssignedTo, e.AssignedTo) && any(queue.ServiceSource, e.Services...) &&
		any(queue.Tag, e.Tags...) && (f.From == 0 || e.Last >= f.From) && (f.To == 0 || e.Last <= f.To) && (f.Lab == nil || *f.Lab == e.Lab) &&
		(strings.Contains(e.Search, f.Search) || f.SearchID != 0 && f.SearchID == e.ID)
}

// The queue answers as a plain walk over the entries does, whatever was put, replaced and dropped before.
func TestQueueAgainstWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := queue.New()
		all := map[int64]queue.Entry{}
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			id := rapid.Int64Range(1, 40).Draw(t, "id")
			if rapid.IntRange(0, 4).Draw(t, "drop") == 0 {
				q.Drop(id)
				delete(all, id)
				continue
			}
			e := entry(t, id)
			q.Put(e)
			all[id] = e
		}
		f := &queue.Filter{Hidden: 3, Texts: map[queue.Field][]string{}, From: rapid.Int64Range(0, 10).Draw(t, "from"), Search: rapid.SampledFrom([]string{"", "alpha", "pc-1", "zzz"}).Draw(t, "search")}
		if rapid.Bool().Draw(t, "by status") {
			f.Status = []int16{0, int16(rapid.IntRange(0, 3).Draw(t, "wanted"))}
		}
		if rapid.Bool().Draw(t, "by source") {
			f.Texts[queue.ServiceSource] = []string{"email", rapid.SampledFrom([]string{"endpoint", "nowhere"}).Draw(t, "source")}
		}
		if rapid.Bool().Draw(t, "by tag") {
			f.Texts[queue.Tag] = []string{rapid.SampledFrom([]string{"vip", "unused"}).Draw(t, "wanted tag")}
		}
		var want []queue.Entry
		for _, e := range all {
			if matches(f, e, -1) {
				want = append(want, e)
			}
		}
		desc := rapid.Bool().Draw(t, "desc")
		slices.SortFunc(want, func(a, b queue.Entry) int {
			c := cmp.Or(cmp.Compare(a.Updated, b.Updated), cmp.Compare(a.ID, b.ID))
			if desc {
				return -c
			}
			return c
		})
		top, skip := rapid.IntRange(0, 10).Draw(t, "top"), rapid.IntRange(0, 20).Draw(t, "skip")
		ids, n := q.Select(f, queue.ByUpdated, desc, top, skip)
		if n != len(want) {
			t.Fatalf("count %d, want %d", n, len(want))
		}
		end := len(want)
		if top > 0 {
			end = min(end, skip+top)
		}
		var expect []int64
		for i := skip; i < end; i++ {
			expect = append(expect, want[i].ID)
		}
		if !slices.Equal(ids, expect) {
			t.Fatalf("page %v, want %v", ids, expect)
		}
		facets := q.Facets(f, 100)
		for _, field := range []queue.Field{queue.Severity, queue.ServiceSource, queue.Tag} {
			expect := map[string]int64{}
			for _, e := range all {
				if !matches(f, e, field) {
					continue
				}
				switch field {
				case queue.Severity:
					expect[fmt.Sprint(e.Severity)]++
				case queue.ServiceSource:
					for _, s := range e.Services {
						expect[s]++
					}
				case queue.Tag:
					for _, s := range e.Tags {
						expect[s]++
					}
				}
			}
			got := map[string]int64{}
			for _, c := range facets[field] {
				if field == queue.Severity {
					c.Text = fmt.Sprint(c.Number)
				}
				got[c.Text] = c.N
			}
			if fmt.Sprint(got) != fmt.Sprint(expect) {
				t.Fatalf("facet %d: %v, want %v", field, got, expect)
			}
		}
	})
}
