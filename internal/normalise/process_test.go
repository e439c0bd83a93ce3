package normalise_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

const second = 10_000_000

func process(id int64, guid string, created int64) normalise.Process {
	return normalise.Process{Tenant: "t", Device: "d", ID: id, GUID: guid, Created: created, Path: fmt.Sprintf("%d@%d", id, created)}
}

func TestProcessCacheFindsByIDAndTime(t *testing.T) {
	c := normalise.NewProcessCache(10)
	c.Add(process(7, "a", 100*second))
	c.Add(process(7, "b", 200*second))
	c.End("t", "d", "b", 7, 300*second)
	for _, q := range []struct {
		at   int64
		guid string
	}{{50, ""}, {99, "a"}, {150, "a"}, {205, "b"}, {299, "b"}, {301, "b"}, {400, ""}} {
		p, ok := c.At("t", "d", 7, q.at*second)
		if ok != (q.guid != "") || p.GUID != q.guid {
			t.Errorf("at %d: %q %v, want %q", q.at, p.GUID, ok, q.guid)
		}
	}
	if _, ok := c.At("t", "other", 7, 150*second); ok {
		t.Error("found on another device")
	}
	if _, ok := c.At("other", "d", 7, 150*second); ok {
		t.Error("found for another tenant")
	}
}

func TestProcessCacheReplacesByGUID(t *testing.T) {
	c := normalise.NewProcessCache(10)
	c.Add(process(7, "a", 100*second))
	c.End("t", "d", "a", 7, 120*second)
	p := process(7, "a", 100*second)
	p.TokenElevation = "TokenElevationTypeFull"
	c.Add(p)
	got, _ := c.ByGUID("t", "d", "a")
	if got.TokenElevation == "" || got.Ended != 120*second || c.Len() != 1 {
		t.Errorf("%+v, %d processes", got, c.Len())
	}
	moved := process(8, "a", 100*second) // a sensor that gives one GUID two ids
	c.Add(moved)
	if _, ok := c.At("t", "d", 7, 110*second); ok || c.Len() != 1 {
		t.Errorf("the old id still finds it; %d processes", c.Len())
	}
}

func TestProcessCacheIsBounded(t *testing.T) {
	c := normalise.NewProcessCache(100)
	for i := range int64(1000) {
		c.Add(process(i, fmt.Sprint("g", i), i*second))
		if _, ok := c.ByGUID("t", "d", "g0"); !ok && i < 1000 {
			t.Fatalf("the process asked for all the time was forgotten after %d", i)
		}
	}
	if c.Len() != 100 {
		t.Errorf("%d processes held", c.Len())
	}
	if _, ok := c.ByGUID("t", "d", "g5"); ok {
		t.Error("an old process nobody asked for is still held")
	}
	long := process(5000, "long", second)
	long.CommandLine = strings.Repeat("x", 32<<10)
	for i := range int64(50) {
		long.ID, long.GUID = 5000+i, fmt.Sprint("long", i)
		c.Add(long)
	}
	if c.Len() > 7 {
		t.Errorf("%d processes with 32 kB of command line each: over the room for text", c.Len())
	}
}

// TestProcessCacheInvariants compares the cache, while it is large enough, with a list.
func TestProcessCacheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := normalise.NewProcessCache(1000)
		model := map[string]normalise.Process{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := rapid.Int64Range(1, 5).Draw(t, "id")
			at := rapid.Int64Range(1, 1000).Draw(t, "at") * second
			guid := fmt.Sprint(rapid.IntRange(1, 20).Draw(t, "guid"))
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				c.Add(process(id, guid, at))
				model[guid] = process(id, guid, at)
			case 1:
				c.End("t", "d", guid, id, at)
			default:
				p, ok := c.ByGUID("t", "d", guid)
				want, known := model[guid]
				// A process may be forgotten when many shared its id, but never mixed up.
				if ok && (!known || p.Path != want.Path) {
					t.Fatalf("guid %s: %q, want %q", guid, p.Path, want.Path)
				}
			}
			if p, ok := c.At("t", "d", id, at); ok && (p.ID != id || p.Created > at+2*second || p.Ended != 0 && p.Ended < at-2*second) {
				t.Fatalf("id %d at %d: %+v", id, at, p)
			}
			if c.Len() > len(model) {
				t.Fatalf("%d processes held, %d added", c.Len(), len(model))
			}
		}
	})
}
