package sigma

import "unicode/utf8"

// sifter finds a few long literals in a text while looking at only a part of its bytes (Wu and Manber's shifts over pairs of bytes). It folds ASCII case by
// itself, so texts of ASCII need no folding beforehand.
type sifter struct {
	least int // length of the shortest literal
	shift [siftSize]uint8
	words trie
}

const (
	siftSize     = 1 << 12
	siftMinBytes = 4   // with shorter literals the shifts are too small to pay
	siftMaxWords = 150 // with more literals nearly every pair of bytes belongs to one
)

// newSifter returns nil when the literals are too short or too many for it.
func newSifter(words []word) *sifter {
	if len(words) == 0 || len(words) > siftMaxWords {
		return nil
	}
	s := &sifter{least: 255}
	for _, w := range words {
		s.least = min(s.least, len(w.text))
	}
	if s.least < siftMinBytes {
		return nil
	}
	for i := range s.shift {
		s.shift[i] = uint8(s.least - 1)
	}
	for _, w := range words {
		s.words.add(w.text, false, w.id)
		for j := 0; j+1 < s.least; j++ {
			h := siftHash(w.text[j], w.text[j+1])
			s.shift[h] = min(s.shift[h], uint8(s.least-2-j))
		}
	}
	return s
}

func siftHash(a, b byte) uint32 { return (uint32(a)<<5 ^ uint32(b)) & (siftSize - 1) }

// lowerASCII is the folding of single bytes; others than A to Z stay as they are.
func lowerASCII(c byte) byte {
	if c-'A' < 26 {
		return c + 'a' - 'A'
	}
	return c
}

// scan appends the ids of the literals found in v to hits. v is folded, or ASCII.
func (s *sifter) scan(v string, hits []int32) []int32 {
	for i := s.least - 2; i+1 < len(v); {
		if n := s.shift[siftHash(lowerASCII(v[i]), lowerASCII(v[i+1]))]; n > 0 {
			i += int(n)
			continue
		}
		node := &s.words.nodes[0]
		for at := i - (s.least - 2); at < len(v); at++ {
			to, ok := node.step(lowerASCII(v[at]))
			if !ok {
				break
			}
			node = &s.words.nodes[to]
			hits = append(hits, node.part...)
		}
		i++
	}
	return hits
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
