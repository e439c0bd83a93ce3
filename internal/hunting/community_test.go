package hunting_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

// tree is a small folder of queries in all the forms that are read.
func tree() map[string]string {
	return map[string]string{
		"Execution/office child.kql": "// Programs that word processors start\n// T1059.001\nDeviceProcessEvents\n| where InitiatingProcessFileName =~ 'winword.exe'",
		"Execution/unknown.csl":      "LocalTable_CL\n| take 5",
		"Mail/links.yaml": "id: 1\nname: Links in mail\ndescription: |\n  Finds links.\nrequiredDataConnectors:\n- connectorId: XDR\n  dataTypes: [EmailUrlInfo]\ntactics:\n- InitialAccess\n" +
			"relevantTechniques:\n- T1566\nquery: |\n  EmailUrlInfo\n  | summarize count() by UrlDomain\n",
		"Mail/two.md": "# Mail\n\nProse about T1114.\n\n## First\nWhat it does.\n```kql\nEmailEvents | count\n```\n\n## Query\n```KQL\nEmailEvents | take 1\n```\n```powershell\nGet-Mailbox | Remove-Mailbox\n```\n" +
			"```\nEmailAttachmentInfo | take 2\n```\n",
		"readme.md":     "# Nothing here\n```bash\nls | wc\n```\n",
		"LICENSE.txt":   "You may use this as you like.",
		"rule.yml":      "title: No query here\ndetection: {a: 1}\n",
		"broken.yaml":   "name: x\nquery: [\n",
		"binary.kql":    "T\x00\xff",
		"empty.kql":     "  \n",
		"comments.kql":  "// only\n// remarks\n",
		"../escape.kql": "DeviceInfo | take 1",
	}
}

func files(t map[string]string) []hunting.File {
	var out []hunting.File
	for p, text := range t {
		out = append(out, hunting.File{Path: p, Text: text})
	}
	return out
}

func TestCommunityQueries(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		s, ctx := open(t, location), context.Background()
		report, err := s.ImportCommunity(ctx, "t1", "ours", files(tree()), hunting.Paths(files(tree())))
		if err != nil {
			t.Fatal(err)
		}
		refused := map[string]int{}
		for _, r := range report.Refused {
			refused[r.Path] = r.Line
		}
		if diff := cmp.Diff(map[string]int{"broken.yaml": 2, "binary.kql": 0}, refused); diff != "" {
			t.Error(diff)
		}
		if report.Files != 12 || report.Added != 7 || report.Queries != 7 || report.Runnable != 6 || report.Skipped != 5 {
			t.Errorf("%+v", report)
		}
		list, n, err := s.Community(ctx, "t1", hunting.CommunityFilter{Top: 100})
		if err != nil || n != 7 {
			t.Fatal(n, err)
		}
		var got []string
		for _, q := range list {
			got = append(got, fmt.Sprintf("%s/%s %v %v %q", q.Folder, q.Name, q.Techniques, q.Tables, q.Issue))
			if q.Query != "" {
				t.Errorf("the list shows the text of %s", q.Name)
			}
		}
		want := []string{
			`/escape [] [DeviceInfo] ""`,
			`Execution/office child [T1059.001] [DeviceProcessEvents] ""`,
			"Execution/unknown [] [] \"line 1, column 1: there is no table `LocalTable_CL`\"",
			`Mail/First [T1114] [EmailEvents] ""`,
			`Mail/First (2) [T1114] [EmailEvents] ""`,
			`Mail/First (3) [T1114] [EmailAttachmentInfo] ""`,
			`Mail/Links in mail [T1566] [EmailUrlInfo] ""`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		q, err := s.FindCommunity(ctx, "t1", list[6].ID)
		if err != nil || q.Query != "EmailUrlInfo\n| summarize count() by UrlDomain" || q.Description != "Finds links." || q.Tactics[0] != "InitialAccess" || q.Connectors[0] != "XDR" || q.Path != "Mail/links.yaml" {
			t.Errorf("%+v, %v", q, err)
		}
		for search, want := range map[string]int64{"": 7, "WINWORD": 0, "office": 1, "t1114 mail": 3, "emailurlinfo": 1, "100%": 0, "word processors": 1} {
			if _, n, err := s.Community(ctx, "t1", hunting.CommunityFilter{Search: search, Top: 5}); err != nil || n != want {
				t.Errorf("%q finds %d, %v; want %d", search, n, err, want)
			}
		}
		if _, n, _ := s.Community(ctx, "t1", hunting.CommunityFilter{Folder: "Mail", Runnable: true, Top: 5}); n != 4 {
			t.Errorf("%d queries in Mail", n)
		}
		folders, err := s.CommunityFolders(ctx, "t1")
		if diff := cmp.Diff([]hunting.CommunityFolder{{Source: "ours", Queries: 1}, {Source: "ours", Folder: "Execution", Queries: 2}, {Source: "ours", Folder: "Mail", Queries: 4}}, folders); err != nil || diff != "" {
			t.Error(err, diff)
		}

		// Importing again changes what changed; a whole source forgets what is gone.
		again := tree()
		again["Mail/links.yaml"] = strings.Replace(again["Mail/links.yaml"], "count()", "dcount(Url)", 1)
		delete(again, "Mail/two.md")
		if report, err := s.ImportCommunity(ctx, "t1", "ours", files(again), hunting.Paths(files(again))); err != nil || report.Added != 0 || report.Replaced != 1 || report.Unchanged != 3 || report.Removed != 3 {
			t.Errorf("%+v, %v", report, err)
		}
		if report, err := s.ImportCommunity(ctx, "t1", "ours", nil, nil); err != nil || report.Removed != 0 {
			t.Errorf("%+v, %v", report, err)
		}

		// Of a tree that comes in parts, the rest stays.
		part := []hunting.File{{Path: "Mail/links.yaml", Text: "query: EmailEvents | count"}}
		if report, err := s.ImportCommunity(ctx, "t1", "ours", part, []string{"Mail/links.yaml", "Execution/office child.kql", "escape.kql"}); err != nil || report.Removed != 1 || report.Replaced != 1 {
			t.Errorf("%+v, %v", report, err)
		}

		// Tenants and sources are apart.
		if _, err := s.ImportCommunity(ctx, "t2", "ours", files(tree()), hunting.Paths(files(tree()))); err != nil {
			t.Fatal(err)
		}
		if _, err := s.FindCommunity(ctx, "t2", list[3].ID); err != nil {
			t.Error(err)
		}
		if _, err := s.FindCommunity(ctx, "t3", list[3].ID); fault.CodeOf(err) != fault.NotFound {
			t.Error(err)
		}
		if n, err := s.RemoveCommunity(ctx, "t1", "ours"); err != nil || n != 3 {
			t.Errorf("removed %d, %v", n, err)
		}
		if _, err := s.RemoveCommunity(ctx, "t1", "ours"); fault.CodeOf(err) != fault.NotFound {
			t.Error(err)
		}
		if _, n, _ := s.Community(ctx, "t2", hunting.CommunityFilter{Top: 1}); n != 7 {
			t.Errorf("another tenant has %d", n)
		}
	})
}

func TestReadTree(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a/b/One.KQL", "x")
	write("a/two.yml", "x")
	write("a/picture.png", "x")
	write(".git/three.kql", "x")
	write("big.txt", strings.Repeat("x", hunting.MaxFile+1))
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "link.txt")); err != nil {
		t.Fatal(err)
	}
	files, refused, err := hunting.ReadTree(root)
	if err != nil || len(files) != 2 || files[0].Path != "a/b/One.KQL" || len(refused) != 1 || refused[0].Path != "big.txt" {
		t.Errorf("%+v, %+v, %v", files, refused, err)
	}
	if files, _, err := hunting.ReadTree(filepath.Join(root, "a", "two.yml")); err != nil || len(files) != 1 || files[0].Path != "two.yml" {
		t.Errorf("%+v, %v", files, err)
	}
	if _, _, err := hunting.ReadTree(filepath.Join(root, "none")); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
}

func TestFavorites(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		s, ctx := open(t, location), context.Background()
		ann, bob := hunting.Owner{ID: "1", Name: "ann"}, hunting.Owner{ID: "2", Name: "bob"}
		for _, f := range []hunting.Favorite{{Kind: "table", Name: "DeviceInfo"}, {Kind: "table", Name: "DeviceInfo"}, {Kind: "community", Name: "x"}} {
			if err := s.AddFavorite(ctx, "t1", ann, f); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range []hunting.Favorite{{Kind: "user", Name: "x"}, {Kind: "table"}, {Kind: "table", Name: "\xff"}, {Kind: "table", Name: strings.Repeat("x", 300)}} {
			if err := s.AddFavorite(ctx, "t1", ann, f); fault.CodeOf(err) != fault.Invalid {
				t.Errorf("%+v: %v", f, err)
			}
		}
		list, err := s.Favorites(ctx, "t1", ann)
		if diff := cmp.Diff([]hunting.Favorite{{Kind: "community", Name: "x"}, {Kind: "table", Name: "DeviceInfo"}}, list); err != nil || diff != "" {
			t.Error(err, diff)
		}
		if list, _ := s.Favorites(ctx, "t1", bob); len(list) != 0 {
			t.Errorf("bob sees %+v", list)
		}
		if list, _ := s.Favorites(ctx, "t2", ann); len(list) != 0 {
			t.Errorf("tenant t2 sees %+v", list)
		}
		if err := s.RemoveFavorite(ctx, "t1", ann, hunting.Favorite{Kind: "table", Name: "DeviceInfo"}); err != nil {
			t.Error(err)
		}
		if list, _ := s.Favorites(ctx, "t1", ann); len(list) != 1 {
			t.Errorf("left: %+v", list)
		}
	})
}

// FuzzCommunity holds the reading of any file to a report: nothing that is kept is longer than it may be, or no text.
func FuzzCommunity(f *testing.F) {
	for name, text := range tree() {
		f.Add(name, text)
	}
	f.Add("a.yaml", "a: &a [*a, *a]\nquery: *a\n")
	f.Add("a.md", "```kql\n# ```\n~~~\n````kql\nx")
	f.Add("a.md", "```")
	s := open(f, f.TempDir()+"/state.db")
	f.Fuzz(func(t *testing.T, name, text string) {
		ctx := context.Background()
		if _, err := s.ImportCommunity(ctx, "t1", "fuzz", []hunting.File{{Path: name, Text: text}}, []string{name}); err != nil {
			t.Fatal(err)
		}
		list, _, err := s.Community(ctx, "t1", hunting.CommunityFilter{Top: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range list {
			if q.Name == "" || !utf8.ValidString(q.Name+q.Description+q.Folder) || utf8.RuneCountInString(q.Name) > 200 || strings.Contains("/"+q.Folder+"/", "/../") {
				t.Fatalf("kept %+v", q)
			}
		}
	})
}
