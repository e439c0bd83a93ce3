package entity_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/bartizan-sec/bartizan/internal/entity"
)

func TestKeys(t *testing.T) {
	sha256 := strings.Repeat("AB", 32)
	for _, c := range []struct {
		name string
		got  entity.Key
		want string
	}{
		{"ip", entity.IPKey(" 203.0.113.7 "), "ip:203.0.113.7"},
		{"ip with a port", entity.IPKey("203.0.113.7:8080"), "ip:203.0.113.7"},
		{"ip in brackets", entity.IPKey("[2001:DB8::1]:443"), "ip:2001:db8::1"},
		{"ip with a zone", entity.IPKey("fe80::1%eth0"), "ip:fe80::1"},
		{"mapped ip", entity.IPKey("::ffff:10.0.0.1"), "ip:10.0.0.1"},
		{"no ip", entity.IPKey("pc-7"), ""},
		{"strongest hash", entity.FileKey(sha256, strings.Repeat("1", 40), ""), "file:" + strings.Repeat("ab", 32)},
		{"weaker hash", entity.FileKey("short", strings.Repeat("1", 40), ""), "file:" + strings.Repeat("1", 40)},
		{"hash of nothing", entity.FileKey("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "", ""), ""},
		{"zero hash", entity.FileKey("", strings.Repeat("0", 40), ""), ""},
		{"no hash", entity.FileKey("", "", "zz"), ""},
		{"url", entity.URLKey("HTTP://Evil.Example:80/#top"), "url:http://evil.example"},
		{"url keeps its path", entity.URLKey("https://evil.example:8443/A?b=C"), "url:https://evil.example:8443/A?b=C"},
		{"url without scheme", entity.URLKey("evil.example/a"), "url:http://evil.example/a"},
		{"no url", entity.URLKey("http://"), ""},
		{"host of a url", entity.URLDomain("https://WWW.evil.example./x"), "domain:www.evil.example"},
		{"address of a url", entity.URLDomain("http://203.0.113.7/x"), "ip:203.0.113.7"},
		{"process by guid", entity.ProcessKey("device:pc-7", "{0A1B-2C}", 4, ""), "process:pc-7/0a1b-2c"},
		{"process by id and time", entity.ProcessKey("device:pc-7", "{00000000-0000}", 4, "20240101T000000"), "process:pc-7/4@20240101t000000"},
		{"process by id alone", entity.ProcessKey("device:pc-7", "", 4, ""), ""},
		{"blank", entity.Make(entity.App, "  "), ""},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestClassOf(t *testing.T) {
	for text, want := range map[string]entity.AddressClass{
		"127.0.0.1": entity.Local, "::1": entity.Local, "169.254.1.2": entity.Local, "224.0.0.5": entity.Local, "0.0.0.0": entity.Local, "255.255.255.255": entity.Local,
		"10.1.2.3": entity.Private, "172.16.0.1": entity.Private, "fd00::1": entity.Private, "100.64.3.4": entity.Private,
		"172.32.0.1": entity.Public, "203.0.113.7": entity.Public, "2001:db8::1": entity.Public, "": entity.NoAddress, "pc-7": entity.NoAddress,
	} {
		if got := entity.ClassOf(text); got != want {
			t.Errorf("ClassOf(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestDeviceNames(t *testing.T) {
	r := entity.NewResolver(nil)
	short := r.Device("", "PC-7")
	for _, same := range []entity.Key{r.Device("", "pc-7.corp.example"), r.Device("", `\\PC-7.`), r.Device("abc123", "pc-7.corp.example"), r.Device("ABC123", ""), r.Device("", "pc-7$")} {
		if same != short {
			t.Errorf("%q is not %q", same, short)
		}
	}
	if other := r.Device("", "pc-7.lab.example"); other == short {
		t.Error("the same first label in another domain is another machine")
	}
	id := r.Device(strings.Repeat("ab12", 10), "")
	if named := r.Device(strings.Repeat("ab12", 10), "srv-1.corp.example"); named != "device:srv-1.corp.example" || r.Canonical(id) != named || r.Device("", "srv-1") != named {
		t.Errorf("a device known by id was then named %q", named)
	}
	if r.Device("", "10.0.0.1") != "" || r.Device("", "localhost") != "" || r.Device("", "-") != "" {
		t.Error("an address or a placeholder is no host name")
	}
}

func TestPeople(t *testing.T) {
	r := entity.NewResolver(nil)
	sid := "S-1-5-21-1-2-3-1104"
	bySID := r.User(entity.Account{SID: sid}, "")
	bySAM := r.User(entity.Account{Domain: "CORP", Name: "Anna"}, "device:pc-7")
	if bySID == bySAM {
		t.Fatal("nothing ties the SID to the name yet")
	}
	both := r.User(entity.Account{Domain: "corp.example", Name: "anna", SID: sid, UPN: "Anna@corp.example"}, "")
	aliases, rekeyed := r.Changes()
	if len(rekeyed) == 0 {
		t.Error("the two keys were not united")
	}
	for _, a := range []entity.Account{{SID: sid}, {Name: `CORP\anna`}, {UPN: "anna@CORP.example"}, {Name: "anna@corp.example"}, {Domain: "CORP", Name: "ANNA"}} {
		if got := r.User(a, ""); got != both {
			t.Errorf("%+v is %q, want %q", a, got, both)
		}
	}
	if owner := r.MailboxOwner("SMTP:anna@corp.example"); owner != both {
		t.Errorf("the mailbox belongs to %q, want %q", owner, both)
	}
	again := entity.NewResolver(aliases)
	if got := again.User(entity.Account{SID: sid}, ""); got != both {
		t.Errorf("after a restart the SID is %q, want %q", got, both)
	}
	if a, b := r.User(entity.Account{Name: "bo"}, "device:pc-1"), r.User(entity.Account{Name: "bo"}, "device:pc-2"); a == b {
		t.Error("local accounts of two machines are two people")
	}
}

func TestGuesses(t *testing.T) {
	r := entity.NewResolver(nil)
	lab := r.User(entity.Account{Domain: "LAB", Name: "svc"}, "device:srv-1.lab.example")
	if got := r.User(entity.Account{Name: "svc"}, "device:srv-1.lab.example"); got != lab {
		t.Errorf("a bare name on the same device is %q, want %q", got, lab)
	}
	if got := r.User(entity.Account{Name: "svc"}, "device:srv-2"); got == lab {
		t.Error("a bare name on another device is the same person")
	}
	first := r.User(entity.Account{Name: "op"}, "device:srv-3")
	if got := r.User(entity.Account{Domain: "LAB", Name: "op"}, "device:srv-3"); got != r.User(entity.Account{Name: "op"}, "device:srv-3") {
		t.Errorf("the bare name came first as %q, then the account is %q", first, got)
	}
	own := r.User(entity.Account{Domain: "PC-9", Name: "admin"}, "device:pc-9")
	if got := r.User(entity.Account{Domain: "LAB", Name: "admin"}, "device:pc-9"); got == own {
		t.Error("the machine's own administrator is the domain's")
	}
	upn := r.User(entity.Account{UPN: "cleo@lab.example"}, "")
	if got := r.User(entity.Account{Domain: "LAB", Name: "cleo"}, ""); got != upn {
		t.Errorf("LAB\\cleo is %q, want %q", got, upn)
	}
	dan := r.User(entity.Account{Domain: "LAB", Name: "dan", SID: "S-1-5-21-9-9-9-1"}, "")
	other := r.User(entity.Account{UPN: "dan@lab.example", SID: "S-1-5-21-9-9-9-2"}, "")
	if dan == other {
		t.Error("a guess overruled two different SIDs")
	}
}

func TestWellKnownAccounts(t *testing.T) {
	for _, a := range []entity.Account{
		{Name: "SYSTEM"},
		{Domain: "NT AUTHORITY", Name: "LOCAL SERVICE"},
		{SID: "S-1-5-18"},
		{Name: "PC-7$", Domain: "CORP"},
		{Name: "DWM-1", Domain: "Window Manager"},
		{Name: `NT AUTHORITY\NETWORK SERVICE`},
		{SID: "S-1-5-80-1-2"},
		{Name: "root"},
	} {
		if !a.WellKnown() {
			t.Errorf("%+v is well known", a)
		}
		if k := entity.NewResolver(nil).User(a, "device:pc-7"); !entity.WellKnown(k) {
			t.Errorf("%+v has the key %q", a, k)
		}
	}
	for _, a := range []entity.Account{{Name: "anna"}, {SID: "S-1-5-21-1-2-3-500"}, {Name: "systemadmin"}} {
		if a.WellKnown() {
			t.Errorf("%+v is a person", a)
		}
	}
}

// Whatever order names arrive in, accounts that share an identifier end as one person, and nobody else does.
func TestPeopleInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		full := entity.Account{Domain: "CORP", Name: "anna", SID: "S-1-5-21-1-2-3-1104", UPN: "anna@corp.example", ObjectID: "11111111-2222-3333-4444-555555555555"}
		spellings := []entity.Account{
			full,
			{SID: full.SID},
			{UPN: full.UPN},
			{ObjectID: full.ObjectID},
			{Domain: "corp.example", Name: "ANNA"},
			{SID: full.SID, UPN: full.UPN},
			{Domain: "CORP", Name: "bo", SID: "S-1-5-21-1-2-3-1105"},
		}
		r := entity.NewResolver(nil)
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(spellings)-1), 0, 30).Draw(t, "order") {
			r.User(spellings[i], "")
		}
		want := r.User(full, "")
		for _, s := range spellings[1:6] {
			if got := r.User(s, ""); got != want {
				t.Fatalf("%+v is %q, want %q", s, got, want)
			}
		}
		if bo := r.User(spellings[6], ""); bo == want || bo == "" {
			t.Fatal("two people became one")
		}
		if want.Value() != "anna@corp.example" {
			t.Fatalf("the key is %q: it depends on the order", want)
		}
	})
}

func FuzzResolve(f *testing.F) {
	f.Add("CORP", `anna`, "S-1-5-21-1", "a@b.example", "pc-7.corp.example", "http://a.example/%zz")
	f.Add("", `\`, "", "@", "..", "[::1")
	f.Fuzz(func(t *testing.T, domain, name, sid, upn, host, text string) {
		r := entity.NewResolver(nil)
		d := r.Device(sid, host)
		if again := r.Device(sid, host); again != d {
			t.Errorf("device %q became %q", d, again)
		}
		a := entity.Account{Domain: domain, Name: name, SID: sid, UPN: upn}
		u := r.User(a, d)
		if again := r.User(a, d); again != u {
			t.Errorf("user %q became %q", u, again)
		}
		for _, k := range []entity.Key{d, u, entity.URLKey(text), entity.URLDomain(text), entity.IPKey(text), entity.DomainKey(text), entity.FileKey(text, text, text), r.MailboxOwner(text)} {
			if len(k) > 512 || (utf8.ValidString(text+domain+name+sid+upn+host) && !utf8.ValidString(string(k))) {
				t.Errorf("bad key %q", k)
			}
		}
	})
}

// The directory's NetBIOS name is the first label of its DNS name unless somebody chose otherwise: mail, cloud and Windows accounts meet.
func TestMailboxAndWindowsAccountAreOnePerson(t *testing.T) {
	for name, order := range map[string][]func(r *entity.Resolver) entity.Key{
		"mail first": {
			func(r *entity.Resolver) entity.Key { return r.MailboxOwner("mia@corp.example") },
			func(r *entity.Resolver) entity.Key {
				return r.User(entity.Account{Domain: "CORP", Name: "mia"}, "device:pc-1")
			},
		},
		"windows first": {
			func(r *entity.Resolver) entity.Key {
				return r.User(entity.Account{Domain: "CORP", Name: "mia"}, "device:pc-1")
			},
			func(r *entity.Resolver) entity.Key { return r.User(entity.Account{UPN: "mia@corp.example"}, "") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := entity.NewResolver(nil)
			a, b := order[0](r), order[1](r)
			if r.Canonical(a) != r.Canonical(b) {
				t.Errorf("%s and %s are two people", a, b)
			}
			if other := r.User(entity.Account{Domain: "OTHER", Name: "mia"}, "device:pc-1"); r.Canonical(other) == r.Canonical(a) {
				t.Errorf("%s of another domain is the same person", other)
			}
		})
	}
}
