package evtx_test

import (
	"encoding/binary"
	"unicode/utf16"
)

// builder writes an event log file for tests: as many chunks as wanted, with shared names and templates as Windows writes them.
type builder struct {
	chunks [][]byte
	chunk  []byte
	names  map[string]uint32
	nextID uint64
	first  uint64
}

func newBuilder() *builder {
	b := &builder{nextID: 1}
	b.begin()
	return b
}

func (b *builder) begin() {
	b.chunk = make([]byte, 512, 64<<10)
	b.names = map[string]uint32{}
	b.first = b.nextID
}

// endChunk finishes the chunk in hand and begins the next.
func (b *builder) endChunk() {
	c := b.chunk
	free := len(c)
	c = append(c, make([]byte, 64<<10-len(c))...)
	copy(c, "ElfChnk\x00")
	le := binary.LittleEndian
	le.PutUint64(c[8:], b.first)
	le.PutUint64(c[16:], b.nextID-1)
	le.PutUint64(c[24:], b.first)
	le.PutUint64(c[32:], b.nextID-1)
	le.PutUint32(c[40:], 128)
	le.PutUint32(c[48:], uint32(free))
	b.chunks = append(b.chunks, c)
	b.begin()
}

func (b *builder) file() []byte {
	if len(b.chunk) > 512 {
		b.endChunk()
	}
	head := make([]byte, 4096)
	copy(head, "ElfFile\x00")
	le := binary.LittleEndian
	le.PutUint32(head[32:], 128)
	le.PutUint16(head[36:], 1)
	le.PutUint16(head[38:], 3)
	le.PutUint16(head[40:], 4096)
	le.PutUint16(head[42:], uint16(len(b.chunks)))
	out := head
	for _, c := range b.chunks {
		out = append(out, c...)
	}
	return out
}

func (b *builder) u8(v ...byte) { b.chunk = append(b.chunk, v...) }
func (b *builder) u16(v uint16) { b.chunk = binary.LittleEndian.AppendUint16(b.chunk, v) }
func (b *builder) u32(v uint32) { b.chunk = binary.LittleEndian.AppendUint32(b.chunk, v) }
func (b *builder) u64(v uint64) { b.chunk = binary.LittleEndian.AppendUint64(b.chunk, v) }
func (b *builder) put(v []byte) { b.chunk = append(b.chunk, v...) }
func (b *builder) pos() int     { return len(b.chunk) }
func (b *builder) patch(at, v int) {
	binary.LittleEndian.PutUint32(b.chunk[at:], uint32(v))
}

func utf16le(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// name writes a reference to a name, and the name itself the first time.
func (b *builder) name(s string) {
	if at, ok := b.names[s]; ok {
		b.u32(at)
		return
	}
	at := uint32(b.pos() + 4)
	b.names[s] = at
	b.u32(at)
	b.u32(0)
	h := uint32(0)
	for _, u := range utf16.Encode([]rune(s)) {
		h = h*65599 + uint32(u)
	}
	b.u16(uint16(h))
	b.u16(uint16(len(utf16.Encode([]rune(s)))))
	b.put(utf16le(s))
	b.u16(0)
}

// xmlNode is what the builder writes: an element, text, or a substitution.
type xmlNode struct {
	name     string
	attrs    [][2]string // a value of "%N" is substitution N
	children []xmlNode
	text     string
	sub      int // substitution number + 1
}

func el(name string, children ...xmlNode) xmlNode { return xmlNode{name: name, children: children} }
func txt(s string) xmlNode                        { return xmlNode{text: s} }
func sub(n int) xmlNode                           { return xmlNode{sub: n + 1} }

func data(name string, child xmlNode) xmlNode {
	return xmlNode{name: "Data", attrs: [][2]string{{"Name", name}}, children: []xmlNode{child}}
}

// xml writes a node; dependency says whether elements carry a dependency id.
func (b *builder) xml(n xmlNode, dependency bool) {
	switch {
	case n.sub > 0:
		b.u8(0x0e)
		b.u16(uint16(n.sub - 1))
		b.u8(1)
	case n.name == "":
		b.u8(0x05, 1)
		b.u16(uint16(len(utf16le(n.text)) / 2))
		b.put(utf16le(n.text))
	default:
		token := byte(0x01)
		if len(n.attrs) > 0 {
			token = 0x41
		}
		b.u8(token)
		if dependency {
			b.u16(0xffff)
		}
		size := b.pos()
		b.u32(0)
		b.name(n.name)
		if len(n.attrs) > 0 {
			at := b.pos()
			b.u32(0)
			for i, a := range n.attrs {
				if i < len(n.attrs)-1 {
					b.u8(0x46)
				} else {
					b.u8(0x06)
				}
				b.name(a[0])
				if a[1][0] == '%' {
					b.xml(sub(int(a[1][1]-'0')), dependency)
				} else {
					b.xml(txt(a[1]), dependency)
				}
			}
			b.patch(at, b.pos()-at-4)
		}
		if len(n.children) == 0 {
			b.u8(0x03)
		} else {
			b.u8(0x02)
			for _, c := range n.children {
				b.xml(c, dependency)
			}
			b.u8(0x04)
		}
		b.patch(size, b.pos()-size-4)
	}
}

// fragment writes a whole binary XML fragment.
func (b *builder) fragment(n xmlNode, dependency bool) {
	b.u8(0x0f, 1, 1, 0)
	b.xml(n, dependency)
	b.u8(0)
}

// record writes one record whose body the function writes, and returns where it stands in the chunk.
func (b *builder) record(body func()) int {
	start := b.pos()
	b.u32(0x2a2a)
	b.u32(0)
	b.u64(b.nextID)
	b.u64(133_500_000_000_000_000)
	b.nextID++
	body()
	for (b.pos()+4-start)%8 != 0 {
		b.u8(0)
	}
	size := b.pos() + 4 - start
	b.u32(uint32(size))
	b.patch(start+4, size)
	return start
}

// val is a value for a template: its type and bytes.
type val struct {
	kind byte
	data []byte
}

func str(s string) val     { return val{0x01, utf16le(s)} }
func u16val(n uint16) val  { return val{0x06, binary.LittleEndian.AppendUint16(nil, n)} }
func hex64(n uint64) val   { return val{0x15, binary.LittleEndian.AppendUint64(nil, n)} }
func hex32(n uint32) val   { return val{0x14, binary.LittleEndian.AppendUint32(nil, n)} }
func boolVal(n uint32) val { return val{0x0d, binary.LittleEndian.AppendUint32(nil, n)} }

// template is a template definition; at is where it stands in the chunk in hand, 0 before its first use.
type template struct {
	root xmlNode
	at   int
}

// use writes an instance of the template, with its definition the first time.
func (b *builder) use(t *template, values ...val) {
	b.u8(0x0f, 1, 1, 0)
	b.u8(0x0c, 1)
	b.u32(0x1234)
	if t.at == 0 {
		t.at = b.pos() + 4
		b.u32(uint32(t.at))
		b.u32(0)
		b.put(make([]byte, 16))
		size := b.pos()
		b.u32(0)
		b.fragment(t.root, true)
		b.patch(size, b.pos()-size-4)
	} else {
		b.u32(uint32(t.at))
	}
	b.u32(uint32(len(values)))
	for _, v := range values {
		b.u16(uint16(len(v.data)))
		b.u8(v.kind, 0)
	}
	for _, v := range values {
		b.put(v.data)
	}
	b.u8(0)
}
