package evtx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Tokens of binary XML. The bit 0x40 says that more of the same follows (attributes, values).
const (
	tokenEnd          = 0x00
	tokenOpen         = 0x01
	tokenCloseStart   = 0x02
	tokenCloseEmpty   = 0x03
	tokenClose        = 0x04
	tokenValue        = 0x05
	tokenAttribute    = 0x06
	tokenCDATA        = 0x07
	tokenCharRef      = 0x08
	tokenEntityRef    = 0x09
	tokenPITarget     = 0x0a
	tokenPIData       = 0x0b
	tokenTemplate     = 0x0c
	tokenSubstitution = 0x0d
	tokenOptional     = 0x0e
	tokenFragment     = 0x0f
	tokenMore         = 0x40
)

// Bounds of one record. A real event has a few dozen elements, six levels deep.
const (
	maxDepth  = 48
	maxNodes  = 20_000
	maxValues = 8192
	maxName   = 1024 // characters
)

// element is one XML element: of a template (then its content has substitutions) or of a record.
type element struct {
	name     string
	attrs    []attr
	children []node
}

type attr struct {
	name  string
	value []node
}

// node is a piece of content: an element, text, or a place where a value goes.
type node struct {
	element *element
	text    string
	value   int // index of a substitution + 1
	// optional substitutions of a null value leave their element or attribute out.
	optional bool
	literal  *value // a typed value written in place
	instance *instance
}

// instance is a template together with the values for it.
type instance struct {
	root   []node
	values []value
}

// value is one typed value of a record.
type value struct {
	kind byte
	data []byte
	xml  []node // of binary XML values
}

// chunk decodes the records of one chunk.
type chunk struct {
	buf       []byte
	data      []byte
	names     map[uint32]string
	templates map[uint32]*template
	out       []byte
}

// template is a parsed template definition. It may be in error, which is remembered too.
type template struct {
	root []node
	end  int // where the definition ends in the chunk
	err  error
}

func newChunk() *chunk { return &chunk{buf: make([]byte, chunkSize)} }

func (c *chunk) reset(n int) {
	if n < chunkHeader {
		clear(c.buf[n:chunkHeader])
		n = chunkHeader
	}
	c.data = c.buf[:n]
	c.names = make(map[uint32]string, 128)
	c.templates = make(map[uint32]*template, 16)
}

// decode turns the binary XML between from and to into JSON.
func (c *chunk) decode(from, to int) ([]byte, error) {
	p := &parser{chunk: c, pos: from, end: to, budget: maxNodes}
	nodes, err := p.fragment(0)
	if err != nil {
		return nil, err
	}
	w := &writer{out: c.out[:0], budget: maxWork}
	if err := w.document(nodes); err != nil {
		return nil, err
	}
	c.out = w.out
	return append([]byte(nil), w.out...), nil
}

var (
	errShort = errors.New("it ends too early")
	errDeep  = errors.New("it is nested too deep")
	errLarge = errors.New("it has too many parts")
	errName  = errors.New("it refers to a name that is not there")
)

// parser reads tokens of chunk.data[pos:end].
type parser struct {
	chunk  *chunk
	pos    int
	end    int
	budget int // nodes that may still be made; shared by copies through the pointer the caller holds
}

func (p *parser) u8() (byte, error) {
	if p.pos >= p.end {
		return 0, errShort
	}
	p.pos++
	return p.chunk.data[p.pos-1], nil
}

func (p *parser) u16() (uint16, error) {
	if p.end-p.pos < 2 {
		return 0, errShort
	}
	p.pos += 2
	return binary.LittleEndian.Uint16(p.chunk.data[p.pos-2:]), nil
}

func (p *parser) u32() (uint32, error) {
	if p.end-p.pos < 4 {
		return 0, errShort
	}
	p.pos += 4
	return binary.LittleEndian.Uint32(p.chunk.data[p.pos-4:]), nil
}

func (p *parser) bytes(n int) ([]byte, error) {
	if n < 0 || p.end-p.pos < n {
		return nil, errShort
	}
	p.pos += n
	return p.chunk.data[p.pos-n : p.pos], nil
}

func (p *parser) spend() error {
	if p.budget--; p.budget < 0 {
		return errLarge
	}
	return nil
}

// fragment reads content up to the end token or the end of the data.
func (p *parser) fragment(depth int) ([]node, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	var out []node
	for p.pos < p.end {
		if err := p.spend(); err != nil {
			return nil, err
		}
		token := p.chunk.data[p.pos]
		switch token &^ tokenMore {
		case tokenEnd:
			p.pos++
			return out, nil
		case tokenFragment:
			if _, err := p.bytes(4); err != nil {
				return nil, err
			}
		case tokenOpen:
			e, err := p.element(depth)
			if err != nil {
				return nil, err
			}
			out = append(out, node{element: e})
		case tokenTemplate:
			in, err := p.template(depth)
			if err != nil {
				return nil, err
			}
			out = append(out, node{instance: in})
		case tokenPITarget, tokenPIData:
			if err := p.instruction(); err != nil {
				return nil, err
			}
		default:
			n, ok, err := p.content()
			if err != nil {
				return nil, err
			}
			if !ok {
				return nil, fmt.Errorf("unknown token %#02x", token)
			}
			out = append(out, n)
		}
	}
	return out, nil
}

// element reads one element with attributes and content.
func (p *parser) element(depth int) (*element, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	token, err := p.u8()
	if err != nil {
		return nil, err
	}
	// Elements carry a dependency id, but not everywhere. A name is checked by its hash, so the form that leads to a name is the right one.
	at := p.pos
	if !p.nameAhead(at+6) && p.nameAhead(at+4) {
		p.pos += 4
	} else {
		p.pos += 6
	}
	e := &element{}
	if e.name, err = p.name(); err != nil {
		return nil, err
	}
	if token&tokenMore != 0 {
		if err := p.attributes(e); err != nil {
			return nil, err
		}
	}
	closing, err := p.u8()
	if err != nil {
		return nil, err
	}
	switch closing {
	case tokenCloseEmpty:
		return e, nil
	case tokenCloseStart:
	default:
		return nil, fmt.Errorf("token %#02x where <%s> should go on", closing, e.name)
	}
	for {
		if err := p.spend(); err != nil {
			return nil, err
		}
		if p.pos >= p.end {
			return nil, errShort
		}
		token := p.chunk.data[p.pos]
		switch token &^ tokenMore {
		case tokenClose:
			p.pos++
			return e, nil
		case tokenOpen:
			child, err := p.element(depth + 1)
			if err != nil {
				return nil, err
			}
			e.children = append(e.children, node{element: child})
		case tokenTemplate:
			in, err := p.template(depth + 1)
			if err != nil {
				return nil, err
			}
			e.children = append(e.children, node{instance: in})
		case tokenPITarget, tokenPIData:
			if err := p.instruction(); err != nil {
				return nil, err
			}
		default:
			n, ok, err := p.content()
			if err != nil {
				return nil, err
			}
			if !ok {
				return nil, fmt.Errorf("unknown token %#02x in <%s>", token, e.name)
			}
			e.children = append(e.children, n)
		}
	}
}

func (p *parser) attributes(e *element) error {
	size, err := p.u32()
	if err != nil {
		return err
	}
	if int64(size) > int64(p.end-p.pos) {
		return errShort
	}
	for p.pos < p.end && p.chunk.data[p.pos]&^tokenMore == tokenAttribute {
		if err := p.spend(); err != nil {
			return err
		}
		p.pos++
		a := attr{}
		if a.name, err = p.name(); err != nil {
			return err
		}
		for p.pos < p.end {
			n, ok, err := p.content()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			a.value = append(a.value, n)
		}
		e.attrs = append(e.attrs, a)
	}
	return nil
}

// content reads one piece of text or value; ok is false when another token stands here.
func (p *parser) content() (n node, ok bool, err error) {
	if p.pos >= p.end {
		return node{}, false, errShort
	}
	switch token := p.chunk.data[p.pos]; token &^ tokenMore {
	case tokenValue:
		p.pos++
		n, err = p.inline()
		return n, true, err
	case tokenCDATA:
		p.pos++
		n.text, err = p.counted()
		return n, true, err
	case tokenCharRef:
		p.pos++
		code, err := p.u16()
		return node{text: string(rune(code))}, true, err
	case tokenEntityRef:
		p.pos++
		name, err := p.name()
		return node{text: entity(name)}, true, err
	case tokenSubstitution, tokenOptional:
		p.pos++
		id, err := p.u16()
		if err != nil {
			return n, true, err
		}
		if _, err := p.u8(); err != nil { // the expected type; the value carries its own
			return n, true, err
		}
		return node{value: int(id) + 1, optional: token&^tokenMore == tokenOptional}, true, nil
	}
	return node{}, false, nil
}

// inline reads a value that is written in place: text, in re-saved logs also other types, whose size follows from the type.
func (p *parser) inline() (node, error) {
	kind, err := p.u8()
	if err != nil {
		return node{}, err
	}
	switch {
	case kind == typeString:
		text, err := p.counted()
		return node{text: text}, err
	case kind == typeNull:
		return node{}, nil
	}
	size, fixed := fixedSize(kind)
	if !fixed {
		n, err := p.u16()
		if err != nil {
			return node{}, err
		}
		size = int(n)
	}
	data, err := p.bytes(size)
	if err != nil {
		return node{}, err
	}
	return node{literal: &value{kind: kind, data: data}}, nil
}

// counted reads UTF-16 text that its length in characters precedes.
func (p *parser) counted() (string, error) {
	n, err := p.u16()
	if err != nil {
		return "", err
	}
	b, err := p.bytes(2 * int(n))
	if err != nil {
		return "", err
	}
	return decodeUTF16(b), nil
}

func (p *parser) instruction() error {
	token, err := p.u8()
	if err != nil {
		return err
	}
	if token&^tokenMore == tokenPITarget {
		_, err = p.name()
		return err
	}
	_, err = p.counted()
	return err
}

func entity(name string) string {
	switch name {
	case "amp":
		return "&"
	case "lt":
		return "<"
	case "gt":
		return ">"
	case "quot":
		return `"`
	case "apos":
		return "'"
	}
	return "&" + name + ";"
}

// nameAhead reports whether a name reference stands at pos: to an earlier or to the following position of the chunk, where a name with the right hash is.
func (p *parser) nameAhead(pos int) bool {
	if pos < 0 || pos+4 > p.end {
		return false
	}
	at := binary.LittleEndian.Uint32(p.chunk.data[pos:])
	_, err := p.chunk.nameAt(at, true)
	return err == nil
}

// name reads a name reference; when it refers to what follows, the name stands here and is passed over.
func (p *parser) name() (string, error) {
	at, err := p.u32()
	if err != nil {
		return "", err
	}
	s, err := p.chunk.nameAt(at, false)
	if err != nil {
		return "", err
	}
	if int(at) == p.pos {
		count := int(binary.LittleEndian.Uint16(p.chunk.data[p.pos+6:]))
		if _, err := p.bytes(8 + 2*count + 2); err != nil {
			return "", err
		}
	}
	return s, nil
}

// nameAt reads the name at a chunk offset: 4 bytes link, 2 bytes hash, 2 bytes count, characters, a zero.
func (c *chunk) nameAt(at uint32, checked bool) (string, error) {
	if s, ok := c.names[at]; ok {
		return s, nil
	}
	if at < chunkHeader || int64(at)+10 > int64(len(c.data)) {
		return "", errName
	}
	hash := binary.LittleEndian.Uint16(c.data[at+4:])
	count := int(binary.LittleEndian.Uint16(c.data[at+6:]))
	from := int(at) + 8
	if count == 0 || count > maxName || from+2*count > len(c.data) {
		return "", errName
	}
	raw := c.data[from : from+2*count]
	if checked && nameHash(raw) != hash {
		return "", errName
	}
	s := decodeUTF16(raw)
	c.names[at] = s
	return s, nil
}

func nameHash(raw []byte) uint16 {
	h := uint32(0)
	for i := 0; i+1 < len(raw); i += 2 {
		h = h*65599 + uint32(binary.LittleEndian.Uint16(raw[i:]))
	}
	return uint16(h)
}

// template reads a template instance: the definition, here or at an earlier place of the chunk, and the values.
func (p *parser) template(depth int) (*instance, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	if _, err := p.bytes(6); err != nil { // token, version, id
		return nil, err
	}
	at, err := p.u32()
	if err != nil {
		return nil, err
	}
	t := p.chunk.templateAt(at, depth)
	if t.err != nil {
		return nil, fmt.Errorf("its template at %d: %w", at, t.err)
	}
	if int(at) == p.pos {
		if t.end > p.end {
			return nil, errShort
		}
		p.pos = t.end
	}
	return p.values(t, depth)
}

// templateAt reads the template definition at a chunk offset: 4 bytes link, 16 bytes GUID, 4 bytes size, binary XML.
func (c *chunk) templateAt(at uint32, depth int) *template {
	if t := c.templates[at]; t != nil {
		return t
	}
	t := &template{err: errName}
	c.templates[at] = t // a template that contains itself finds this
	if at < chunkHeader || int64(at)+24 > int64(len(c.data)) {
		return t
	}
	size := int64(binary.LittleEndian.Uint32(c.data[at+20:]))
	if int64(at)+24+size > int64(len(c.data)) {
		t.err = errShort
		return t
	}
	from := int(at) + 24
	p := &parser{chunk: c, pos: from, end: from + int(size), budget: maxNodes}
	t.root, t.err = p.fragment(depth + 1)
	t.end = from + int(size)
	return t
}

// values reads the values of a template instance: their count, their sizes and types, and then the data.
func (p *parser) values(t *template, depth int) (*instance, error) {
	count, err := p.u32()
	if err != nil {
		return nil, err
	}
	if count > maxValues {
		return nil, errLarge
	}
	descriptors, err := p.bytes(4 * int(count))
	if err != nil {
		return nil, err
	}
	in := &instance{root: t.root, values: make([]value, count)}
	for i := range in.values {
		d := descriptors[4*i:]
		v := &in.values[i]
		v.kind = d[2]
		if v.data, err = p.bytes(int(binary.LittleEndian.Uint16(d))); err != nil {
			return nil, err
		}
		if v.kind == typeXML && len(v.data) > 0 {
			sub := &parser{chunk: p.chunk, pos: p.pos - len(v.data), end: p.pos, budget: p.budget}
			if v.xml, err = sub.fragment(depth + 1); err != nil {
				return nil, err
			}
			p.budget = sub.budget
		}
	}
	return in, nil
}

// decodeUTF16 turns little-endian UTF-16 into a string; unpaired surrogates are replaced.
func decodeUTF16(b []byte) string {
	ascii := true
	for i := 0; i+1 < len(b); i += 2 {
		if b[i+1] != 0 || b[i] >= 0x80 {
			ascii = false
			break
		}
	}
	n := len(b) / 2
	if ascii {
		out := make([]byte, n)
		for i := range out {
			out[i] = b[2*i]
		}
		return string(out)
	}
	return string(appendUTF16(make([]byte, 0, n+n/2), b))
}

// appendUTF16 appends little-endian UTF-16 as UTF-8.
func appendUTF16(dst, b []byte) []byte {
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(binary.LittleEndian.Uint16(b[i:]))
		if utf16.IsSurrogate(r) {
			next := rune(0)
			if i+3 < len(b) {
				next = rune(binary.LittleEndian.Uint16(b[i+2:]))
			}
			if pair := utf16.DecodeRune(r, next); pair != utf8.RuneError {
				r = pair
				i += 2
			} else {
				r = utf8.RuneError
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
