package syntax

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// timeUnit gives the ticks of 100 ns that a suffix of timespan literals stands for; 0 marks nanoseconds, which are less than a tick.
func timeUnit(suffix string) (ticks int64, ok bool) {
	switch suffix {
	case "d", "day", "days":
		return 864_000_000_000, true
	case "h", "hr", "hrs", "hour", "hours":
		return 36_000_000_000, true
	case "m", "min", "mins", "minute", "minutes":
		return 600_000_000, true
	case "s", "sec", "secs", "second", "seconds":
		return 10_000_000, true
	case "ms", "milli", "millis", "millisec", "millisecs", "millisecond", "milliseconds":
		return 10_000, true
	case "micro", "micros", "microsec", "microsecs", "microsecond", "microseconds":
		return 10, true
	case "nano", "nanos", "nanosec", "nanosecs", "nanosecond", "nanoseconds":
		return 0, true
	case "tick", "ticks":
		return 1, true
	}
	return 0, false
}

// bangWords are the word operators that may follow an exclamation mark.
func bangWord(w string) bool {
	switch w {
	case "has", "has_cs", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs", "contains", "contains_cs", "startswith", "startswith_cs",
		"endswith", "endswith_cs", "in", "between", "has_any", "has_all", "contentswith", "matches":
		return true
	}
	return false
}

type lexer struct {
	src      string
	pos      int
	tokens   []Token
	comments []Comment
}

// Tokens splits text into tokens, the last of them EOF, and the comments beside them. It never fails; what it cannot read becomes a Bad token.
func Tokens(text string) ([]Token, []Comment) {
	l := &lexer{src: text, tokens: make([]Token, 0, len(text)/4+8)}
	for l.next() {
	}
	l.tokens = append(l.tokens, Token{Kind: EOF, Start: len(text), End: len(text)})
	return l.tokens, l.comments
}

func (l *lexer) emit(kind Kind, start int, value string) bool {
	l.tokens = append(l.tokens, Token{Kind: kind, Start: start, End: l.pos, Text: l.src[start:l.pos], Value: value})
	return true
}

func (l *lexer) peek(n int) byte {
	if l.pos+n < len(l.src) {
		return l.src[l.pos+n]
	}
	return 0
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func (l *lexer) next() bool {
	l.skipBlanks()
	if l.pos >= len(l.src) {
		return false
	}
	start, c := l.pos, l.src[l.pos]
	switch {
	case c == '"' || c == '\'':
		return l.quoted(start)
	case c == '@' && (l.peek(1) == '"' || l.peek(1) == '\''):
		l.pos++
		return l.verbatim(start)
	case (c == 'h' || c == 'H') && (l.peek(1) == '"' || l.peek(1) == '\''):
		l.pos++
		return l.quoted(start)
	case (c == 'h' || c == 'H') && l.peek(1) == '@' && (l.peek(2) == '"' || l.peek(2) == '\''):
		l.pos += 2
		return l.verbatim(start)
	case strings.HasPrefix(l.src[l.pos:], "```"), strings.HasPrefix(l.src[l.pos:], "~~~"):
		return l.multiline(start)
	case (c == 'h' || c == 'H') && (strings.HasPrefix(l.src[l.pos+1:], "```") || strings.HasPrefix(l.src[l.pos+1:], "~~~")):
		l.pos++
		return l.multiline(start)
	case isDigit(c):
		return l.number(start)
	case isLetter(c) || c == '$' || c >= utf8.RuneSelf:
		return l.word(start)
	}
	return l.punctuation(start)
}

func (l *lexer) skipBlanks() {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			l.pos++
		case c == '/' && l.peek(1) == '/', c == '#' && (l.pos == 0 || l.src[l.pos-1] == '\n'): // a directive of a client is a comment to us
			start := l.pos
			if i := strings.IndexByte(l.src[l.pos:], '\n'); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.src)
			}
			l.comments = append(l.comments, Comment{Span{start, l.pos}, strings.TrimRight(l.src[start:l.pos], " \t\r")})
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(l.src[l.pos:])
			if !unicode.IsSpace(r) && r != '\uFEFF' && r != '\u200B' {
				return
			}
			l.pos += n
		default:
			return
		}
	}
}

func (l *lexer) word(start int) bool {
	l.pos = start
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if isLetter(c) || isDigit(c) || c == '$' && l.pos == start {
			l.pos++
			continue
		}
		if c < utf8.RuneSelf {
			break
		}
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
			break
		}
		l.pos += n
	}
	if l.pos == start || l.pos == start+1 && l.src[start] == '$' {
		_, n := utf8.DecodeRuneInString(l.src[start:])
		l.pos = start + n
		return l.emit(Bad, start, "unexpected character")
	}
	if l.peek(0) == '~' && l.src[start:l.pos] == "in" {
		l.pos++
		return l.emit(Op, start, "")
	}
	return l.emit(Ident, start, "")
}

func (l *lexer) number(start int) bool {
	if l.src[start] == '0' && (l.peek(1) == 'x' || l.peek(1) == 'X') && isHex(l.peek(2)) {
		l.pos += 2
		for isHex(l.peek(0)) {
			l.pos++
		}
		return l.emit(Number, start, "")
	}
	digits := func() {
		for isDigit(l.peek(0)) {
			l.pos++
		}
	}
	digits()
	kind := Number
	if l.peek(0) == '.' && l.peek(1) != '.' && !isLetter(l.peek(1)) {
		kind = Real
		l.pos++
		digits()
	}
	if e := l.peek(0); e == 'e' || e == 'E' {
		n := 1
		if l.peek(1) == '+' || l.peek(1) == '-' {
			n = 2
		}
		if isDigit(l.peek(n)) {
			kind = Real
			l.pos += n
			digits()
		}
	}
	if !isLetter(l.peek(0)) {
		return l.emit(kind, start, "")
	}
	end := l.pos
	for isLetter(l.peek(0)) || isDigit(l.peek(0)) {
		l.pos++
	}
	if _, ok := timeUnit(l.src[end:l.pos]); ok {
		return l.emit(TimeSpan, start, "")
	}
	if kind == Number {
		return l.emit(Ident, start, "") // a name may start with digits
	}
	l.pos = end
	return l.emit(kind, start, "")
}

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// quoted reads a literal with backslash escapes; l.pos is at the quote.
func (l *lexer) quoted(start int) bool {
	q := l.src[l.pos]
	l.pos++
	body := l.pos
	var b strings.Builder
	plain := true
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == q:
			value := l.src[body:l.pos]
			if !plain {
				value = b.String()
			}
			l.pos++
			return l.emit(String, start, value)
		case c == '\n':
			return l.emit(Bad, start, "string literal is not closed on its line")
		case c == '\\' && l.pos+1 < len(l.src) && l.src[l.pos+1] != '\n':
			if plain {
				b.WriteString(l.src[body:l.pos])
				plain = false
			}
			l.escape(&b)
		default:
			if !plain {
				b.WriteByte(c)
			}
			l.pos++
		}
	}
	return l.emit(Bad, start, "string literal is not closed")
}

// escape decodes one escape sequence at l.pos. Unknown ones stay as they are.
func (l *lexer) escape(b *strings.Builder) {
	c := l.src[l.pos+1]
	if i := strings.IndexByte(`\'"abfnrtv0`, c); i >= 0 && (c != '0' || !isDigit(l.peek(2))) {
		b.WriteByte("\\'\"\a\b\f\n\r\t\v\x00"[i])
		l.pos += 2
		return
	}
	hex := func(at, n int) {
		var r rune
		for i := range n {
			d := l.peek(at + i)
			if !isHex(d) {
				b.WriteByte('\\')
				l.pos++
				return
			}
			r = r<<4 | rune(hexDigit(d))
		}
		if !utf8.ValidRune(r) && !(r >= 0xD800 && r < 0xE000) {
			r = utf8.RuneError
		}
		l.pos += at + n
		if r >= 0xD800 && r < 0xDC00 && l.peek(0) == '\\' && l.peek(1) == 'u' { // surrogate pair
			var low rune
			ok := true
			for i := range 4 {
				d := l.peek(2 + i)
				ok = ok && isHex(d)
				low = low<<4 | rune(hexDigit(d))
			}
			if ok && low >= 0xDC00 && low < 0xE000 {
				r = 0x10000 + (r-0xD800)<<10 + (low - 0xDC00)
				l.pos += 6
			}
		}
		b.WriteRune(r)
	}
	switch {
	case c == 'u':
		hex(2, 4)
	case c == 'U':
		hex(2, 8)
	case c == 'x':
		hex(2, 2)
	case c >= '0' && c <= '7':
		var v rune
		n := 1
		for n < 4 && l.peek(n) >= '0' && l.peek(n) <= '7' {
			v = v<<3 | rune(l.peek(n)-'0')
			n++
		}
		b.WriteRune(v)
		l.pos += n
	default:
		b.WriteByte('\\')
		l.pos++
	}
}

func hexDigit(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	default:
		return c - 'A' + 10
	}
}

// verbatim reads @"..." where a doubled quote stands for one; l.pos is at the quote.
func (l *lexer) verbatim(start int) bool {
	q := l.src[l.pos]
	l.pos++
	body := l.pos
	doubled := false
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == q && l.peek(1) == q:
			doubled = true
			l.pos += 2
		case c == q:
			value := l.src[body:l.pos]
			if doubled {
				value = strings.ReplaceAll(value, string([]byte{q, q}), string([]byte{q}))
			}
			l.pos++
			return l.emit(String, start, value)
		case c == '\n':
			return l.emit(Bad, start, "string literal is not closed on its line")
		default:
			l.pos++
		}
	}
	return l.emit(Bad, start, "string literal is not closed")
}

func (l *lexer) multiline(start int) bool {
	fence := l.src[l.pos : l.pos+3]
	l.pos += 3
	i := strings.Index(l.src[l.pos:], fence)
	if i < 0 {
		l.pos = len(l.src)
		return l.emit(Bad, start, "multi-line string literal is not closed")
	}
	value := l.src[l.pos : l.pos+i]
	l.pos += i + 3
	return l.emit(String, start, value)
}

func (l *lexer) punctuation(start int) bool {
	c, d := l.src[l.pos], l.peek(1)
	if c == '!' && isLetter(d) {
		end := l.pos + 1
		for end < len(l.src) && (isLetter(l.src[end]) || isDigit(l.src[end])) {
			end++
		}
		if w := l.src[l.pos+1 : end]; bangWord(w) {
			if w == "in" && end < len(l.src) && l.src[end] == '~' {
				end++
			}
			l.pos = end
			return l.emit(Op, start, "")
		}
	}
	switch string([]byte{c, d}) {
	case "==", "!=", "<>", "<=", ">=", "=~", "!~", "..", "=>":
		l.pos += 2
		return l.emit(Op, start, "")
	}
	l.pos++
	if strings.IndexByte("()[]{},;:.|+-*/%=<>!~?@#", c) < 0 {
		return l.emit(Bad, start, "unexpected character")
	}
	return l.emit(Op, start, "")
}
