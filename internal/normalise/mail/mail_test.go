package mail

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/goldentest"
)

func TestGolden(t *testing.T) {
	goldentest.Run(t, "testdata", func() normalise.Family { return New() })
}

func TestCanonicalURL(t *testing.T) {
	cases := map[string]string{
		"https://A.Example/Path?Q=1":                          "https://a.example/Path?Q=1",
		" hTTp:\\\\one.example\\a\\b ":                        "http://one.example/a/b",
		"http:/one.example":                                   "http://one.example",
		"//two.example/x":                                     "https://two.example/x",
		"ht\ntps://three.example/\tx":                         "https://three.example/x",
		"https://user:pw@four.example:8443/":                  "https://user:pw@four.example:8443/",
		"hxxps://five.example/":                               "https://five.example/",
		"http://[2001:db8::1]:80/":                            "http://[2001:db8::1]:80/",
		"http://3232235777/":                                  "http://3232235777/",
		"\x01 https://six.example/" + strings.Repeat("p", 80): "https://six.example/" + strings.Repeat("p", 80),
		"mailto:a@b.example":                                  "",
		"javascript:alert(1)":                                 "",
		"data:text/html,x":                                    "",
		"/relative":                                           "",
		"http://":                                             "",
		"http://a b/":                                         "",
		"https://noscheme":                                    "",
		"https://x.safelinks.protection.outlook.com/?url=https%3A%2F%2Furldefense.com%2Fv3%2F__https%3A%2F%2Fin.example%2F__%3B!!a!b%24": "https://in.example/",
		"https://urldefense.com/v3/__https:/in.example/a**Db__;w6nDqcOpw6k!!x!y$":                                                        "https://in.example/a\u00e9\u00e9\u00e9b",
	}
	for in, want := range cases {
		got, _ := canonicalURL(in)
		if strings.Contains(in, "**D") {
			if !strings.HasPrefix(got, "https://in.example/a") || !strings.HasSuffix(got, "b") {
				t.Errorf("%q gives %q", in, got)
			}
			continue
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestTextURLs(t *testing.T) {
	cases := []struct {
		text string
		want []string
	}{
		{"see http://a.example/x, http://a.example/x and (https://b.example/(c)).", []string{"http://a.example/x", "https://b.example/(c)"}},
		{"<http://a.example/long\n  er/path> x", []string{"http://a.example/longer/path"}},
		{"WWW.A.Example! awww.b.example xhttp://no.example", []string{"http://www.a.example"}},
		{"[http://a.example] \"http://b.example\" 'http://c.example'", []string{"http://a.example", "http://b.example", "http://c.example"}},
		{"\u0130\u0130 http://a.example", []string{"http://a.example"}},
		{"http://", nil},
	}
	for _, c := range cases {
		var l links
		textURLs(c.text, "Body", &l)
		var got []string
		for _, x := range l.list {
			got = append(got, x.url)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.text, diff)
		}
	}
}

func TestAddresses(t *testing.T) {
	cases := map[string][]address{
		`"Doe, John" <j@x.example>, k@Y.EXAMPLE`:             {{"Doe, John", "j@x.example"}, {"", "k@y.example"}},
		`=?utf-8?q?J=C3=BCrgen?= <j@x.example>`:              {{"J\u00fcrgen", "j@x.example"}},
		`friends: a@x.example, b@x.example;`:                 {{"", "a@x.example"}, {"", "b@x.example"}},
		`undisclosed-recipients:;`:                           nil,
		`j@x.example (John)`:                                 {{"John", "j@x.example"}},
		`<@relay.example:j@x.example>`:                       {{"", "j@x.example"}},
		`boss@bank.example <evil@x.example>`:                 {{"boss@bank.example", "evil@x.example"}},
		`Only A Name`:                                        {{"Only A Name", ""}},
		`Team ,_<t@x.example>`:                               {{"Team _", "t@x.example"}},
		`a@x.example b@x.example`:                            {{"", "a@x.example"}},
		"=?utf-8?B?Ym9zc0BiYW5rLmV4YW1wbGU=?= <e@x.example>": {{"boss@bank.example", "e@x.example"}},
	}
	for in, want := range cases {
		if diff := cmp.Diff(want, addresses(in), cmp.AllowUnexported(address{})); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

func TestAuthenticationBelievesOnlyTheLastServer(t *testing.T) {
	cases := []struct {
		name, headers    string
		spf, dkim, dmarc string
		ip               string
	}{
		{"forged below", "Authentication-Results: mx.us.example; spf=fail smtp.mailfrom=a@b.example\nAuthentication-Results: mx.evil.example; dkim=pass; dmarc=pass\n", "fail", "", "", ""},
		{"several of one server", "Authentication-Results: mx; spf=pass\nAuthentication-Results: mx; dkim=pass header.d=x\nAuthentication-Results: other; dmarc=pass\n", "pass", "pass", "", ""},
		{"seal", "ARC-Authentication-Results: i=1; a; spf=pass\nARC-Authentication-Results: i=2; b; spf=softfail; dmarc=fail\n", "softfail", "", "fail", ""},
		{"only Received-SPF", "Received-SPF: pass (x: domain of a@b.example designates 192.0.2.7 as permitted sender) client-ip=192.0.2.7; envelope-from=\"a@b.example\";\n", "pass", "", "", "192.0.2.7"},
		{"nothing", "Subject: x\n", "", "", "", ""},
		{"garbage", "Authentication-Results: ;;;===;(((;spf\n", "", "", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, _ := splitMessage([]byte(c.headers + "\nbody"))
			r := authentication(h)
			if r.spf != c.spf || r.dkim != c.dkim || r.dmarc != c.dmarc || r.spfIP != c.ip {
				t.Errorf("spf %q dkim %q dmarc %q ip %q", r.spf, r.dkim, r.dmarc, r.spfIP)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	for in, low := range map[string]int{
		"From: a@b.example\nTo: c@d.example\nSubject: x\nDate: y\n\nbody": 90,
		"Content-Type: text/plain\n\nx":                                   40,
		`{"From":"a"}`:                                                    0,
		"Mar  1 host sshd[1]: hello":                                      0,
		"":                                                                0,
	} {
		got := Probe([]byte(in))
		if got < low || low == 0 && got != 0 {
			t.Errorf("%q scores %d", in, got)
		}
	}
}

func TestHostileMessages(t *testing.T) {
	nested := "Content-Type: text/plain\n\nx http://deep.example/\n"
	for i := range 300 {
		b := strings.Repeat("b", i%60+1)
		nested = "Content-Type: multipart/mixed; boundary=" + b + "\n\n--" + b + "\n" + nested + "\n--" + b + "--\n"
	}
	rfc := "Subject: x\n\nhttp://deep.example/"
	for range 50 {
		rfc = "From: a@b.example\nContent-Type: message/rfc822\n\n" + rfc
	}
	parts := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nContent-Type: image/png; name=a.png\n\nx\n", 4000)
	cases := map[string]string{
		"nested parts":    "From: a@b.example\n" + nested,
		"nested messages": rfc,
		"many parts":      "From: a@b.example\n" + parts,
		"many addresses":  "To: " + strings.Repeat("a@b.example, ", 5000) + "\n\nx",
		"many links":      "From: a@b.example\n\n" + strings.Repeat("http://a.example/", 1) + manyLinks(30000),
		"long header":     "Subject: " + strings.Repeat("x", 1<<20) + "\n\nx",
		"many headers":    strings.Repeat("A: b\n", 100000) + "\nx",
		"colons":          "To: " + strings.Repeat(":", 60000) + "\nTo: " + strings.Repeat("a:", 30000) + "\n\nx",
		"long html":       "Content-Type: text/html\n\n<a href=\"" + strings.Repeat("x", 3<<20),
		"equal signs":     "Authentication-Results: " + strings.Repeat("a=", 30000) + "\n\n",
		"encoded words":   "Subject: " + strings.Repeat("=?utf-8?q?", 6000) + "\n\n",
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			var out normalise.Batch
			if err := New().Normalise(&normalise.Record{Data: []byte(data), Received: goldentest.Received()}, &out); err != nil {
				t.Fatal(err)
			}
			if len(out.Rows) == 0 || len(out.Rows) > 2*maxRows || len(out.Events) != 1 {
				t.Errorf("%d rows, %d events", len(out.Rows), len(out.Events))
			}
		})
	}
}

func manyLinks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" http://a.example/")
		b.WriteString(strings.Repeat("x", i%7))
		b.WriteByte(byte('a' + i%26))
		b.WriteByte(byte('a' + i/26%26))
		b.WriteByte(byte('a' + i/676%26))
	}
	return b.String()
}

// A link behind a huge inline image is found, and an address too long to keep still shows its host.
func TestLinksBehindLongAttributes(t *testing.T) {
	var l links
	htmlURLs([]byte(`<img src="data:image/png;base64,`+strings.Repeat("A", 3<<20)+`"><a href="https://behind.example/x">x</a><a href="https://long.example/`+strings.Repeat("y", 20000)+`">z</a>`), "Body", &l)
	var got []string
	for _, x := range l.list {
		got = append(got, x.domain)
	}
	if diff := cmp.Diff([]string{"behind.example", "long.example"}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add([]byte("From: a@b.example\nTo: c@d.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhttp://a.example\n--x\nContent-Type: text/html\n\n<a href='http://b.example'>http://c.example</a>\n--x--"))
	f.Add([]byte("Authentication-Results: mx; spf=pass (a(b)c) smtp.mailfrom=\"x\"\nReceived: from a ([1.2.3.4]) by b; Mon, 3 Mar 2031 10:00:00 +0000\n\n"))
	f.Add([]byte("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA=="))
	f.Add([]byte("Subject: =?utf-8?q?x?= =?x?b?y?=\n\nhttps://urldefense.com/v3/__https://a.example/*__;Kw!!x"))
	family := New("b.example")
	f.Fuzz(func(t *testing.T, data []byte) {
		var out normalise.Batch
		if err := family.Normalise(&normalise.Record{Data: data, Received: goldentest.Received()}, &out); err != nil {
			return
		}
		goldentest.Describe(&out, nil)
		Probe(data)
	})
}
