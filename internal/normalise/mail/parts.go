package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/jhillyerd/enmime/v2"
	"golang.org/x/net/publicsuffix"
)

// Bounds on structure. A message beyond them is read as one text, which still finds its links.
const (
	maxBoundaries  = 64
	maxPartLines   = 5000 // lines that begin with "--"
	maxAttachments = 200
	maxNested      = 3
)

// attachment is one file of a message.
type attachment struct {
	name, extension, kind, sha256 string
	size                          int64
	nested                        bool // it came out of an attached message
}

// content is what the body of a message holds.
type content struct {
	text        strings.Builder
	links       links
	attachments []attachment
	more        int // attachments beyond the bound
	pages       []*page
	notes       []string // what was broken
	html        bool
}

func (c *content) note(format string, args ...any) {
	if len(c.notes) < 20 {
		c.notes = append(c.notes, fmt.Sprintf(format, args...))
	}
}

// readContent takes the message apart. data is the whole message, body what follows its headers.
func readContent(data, body []byte) *content {
	c := &content{}
	c.message(data, body, "Body", 0)
	return c
}

func (c *content) message(data, body []byte, location string, depth int) {
	if bytes.Count(data, []byte("boundary=")) > maxBoundaries || bytes.Count(data, []byte("\n--")) > maxPartLines {
		c.note("too many MIME parts; read as one text")
		c.plain(body, location)
		return
	}
	parser := enmime.NewParser(enmime.SkipMalformedParts(true), enmime.MultipartWOBoundaryAsSinglePart(true), enmime.DisableTextConversion(true),
		enmime.DisableCharacterDetection(true), enmime.MaxStoredPartErrors(20), enmime.SetReadPartErrorPolicy(func(*enmime.Part, error) bool { return true }))
	root, err := parser.ReadParts(bytes.NewReader(data))
	if err != nil {
		c.note("MIME: %v", err)
		c.plain(body, location)
		return
	}
	found := c.walk(root, location, depth, 0)
	empty := depth == 0 && c.text.Len() == 0 && !c.html && len(c.attachments) == 0
	if (!found || empty) && len(bytes.TrimSpace(body)) > 0 {
		c.note("no part could be read; read as one text")
		c.plain(body, location)
	}
}

// walk reads a part and what is inside and beside it, and reports whether there was any.
func (c *content) walk(p *enmime.Part, location string, depth, level int) bool {
	found := false
	for ; p != nil; p = p.NextSibling {
		for _, e := range p.Errors {
			if e.Severe {
				c.note("%s: %s", e.Name, cut(e.Detail, 200))
			}
		}
		if p.FirstChild != nil {
			if level < maxBoundaries && c.walk(p.FirstChild, location, depth, level+1) {
				found = true
			}
			continue
		}
		if strings.HasPrefix(p.ContentType, "multipart/") && len(p.Content) == 0 {
			continue
		}
		found = true
		c.part(p, location, depth)
	}
	return found
}

func (c *content) part(p *enmime.Part, location string, depth int) {
	kind := strings.ToLower(p.ContentType)
	name := fileName(p.FileName)
	isFile := p.Disposition == "attachment" || name != "" || kind != "" && !strings.HasPrefix(kind, "text/") && !strings.HasPrefix(kind, "multipart/")
	if kind == "text/plain" && strings.EqualFold(p.Disposition, "inline") && depth == 0 && name == "" {
		isFile = false
	}
	if !isFile {
		switch kind {
		case "text/html", "application/xhtml+xml":
			c.page(p.Content, location)
		default:
			if c.text.Len() == 0 && looksHTML(p.Content) {
				c.page(p.Content, location)
				return
			}
			c.plain(p.Content, location)
		}
		return
	}
	c.file(p, name, kind, depth)
}

func (c *content) file(p *enmime.Part, name, kind string, depth int) {
	data := p.Content
	shown := fileType(data)
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if kind == "message/rfc822" && name == "" {
		name, ext = "message.eml", "eml"
	}
	sum := sha256.Sum256(data)
	a := attachment{name: name, extension: ext, kind: first(shown, first(ext, byContentType(kind))), sha256: hex.EncodeToString(sum[:]), size: int64(len(data)), nested: depth > 0}
	if kind == "message/rfc822" {
		a.kind = "eml"
	}
	if len(c.attachments) < maxAttachments {
		c.attachments = append(c.attachments, a)
	} else {
		c.more++
	}
	switch {
	case kind == "message/rfc822" || kind == "message/global" || ext == "eml":
		if depth >= maxNested {
			c.note("attached messages are nested deeper than %d", maxNested)
			return
		}
		_, body := splitMessage(data)
		c.message(data, body, "Attachment", depth+1)
	case a.kind == "html" || ext == "svg" || kind == "text/html" || kind == "image/svg+xml":
		htmlURLs(data, "Attachment", &c.links)
	case strings.HasPrefix(kind, "text/"):
		textURLs(string(data), "Attachment", &c.links)
	}
}

func (c *content) plain(data []byte, location string) {
	s := text(data)
	textURLs(s, location, &c.links)
	if location == "Body" && c.text.Len() < maxPageText {
		c.text.WriteString(cut(s, maxPageText))
		c.text.WriteByte('\n')
	}
}

func (c *content) page(data []byte, location string) {
	p := htmlURLs([]byte(text(data)), location, &c.links)
	if location != "Body" {
		return
	}
	c.html = true
	if len(c.pages) < 20 {
		c.pages = append(c.pages, p)
	}
}

// visible is the text a reader sees: the plain part, or that of the pages when there is none.
func (c *content) visible() string {
	if s := strings.TrimSpace(c.text.String()); s != "" {
		return strings.Join(strings.Fields(s), " ")
	}
	var b strings.Builder
	for _, p := range c.pages {
		b.WriteString(p.text.String())
		b.WriteByte(' ')
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func looksHTML(data []byte) bool {
	head := bytes.ToLower(bytes.TrimSpace(data[:min(len(data), 1024)]))
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html")) || bytes.HasPrefix(head, []byte("<body"))
}

// fileName cleans the name a part gives itself: words are decoded and folders dropped.
func fileName(s string) string {
	s = decode(s)
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	return cut(strings.TrimRight(s, ". "), 255)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// registered returns the domain below its public suffix ("a.b.example.co.uk" gives "example.co.uk").
func registered(domain string) string {
	if d, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return d
	}
	return domain
}
