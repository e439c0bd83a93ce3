package sigma

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// Predicate is one test of one field, or of the whole record when Field is empty (a keyword).
type Predicate struct {
	Field string
	kind  testKind
	cased bool

	pattern pattern // testString; folded unless cased
	shape   shape
	literal string // of the shape

	source string
	regex  []branch // testRegex: one of them must match

	network netip.Prefix

	other    string // testRef: the field compared with
	refShape shape

	compare compareOp // testNumber
	part    timePart
	number  float64
}

type testKind uint8

const (
	testString testKind = iota
	testRegex
	testCIDR
	testNull
	testExists
	testRef
	testNumber
)

// key is equal for predicates that mean the same.
func (p *Predicate) key() string {
	switch p.kind {
	case testString:
		return fmt.Sprintf("%s\x00s%t%s", p.Field, p.cased, p.pattern.String())
	case testRegex:
		return p.Field + "\x00r" + p.source
	case testCIDR:
		return p.Field + "\x00c" + p.network.String()
	case testNull:
		return p.Field + "\x00n"
	case testExists:
		return p.Field + "\x00e"
	case testRef:
		return fmt.Sprintf("%s\x00f%d%t%s", p.Field, p.refShape, p.cased, p.other)
	}
	return fmt.Sprintf("%s\x00#%d,%d,%v", p.Field, p.compare, p.part, p.number)
}

// String says the test in words, without the field: `endswith \cmd.exe`.
func (p *Predicate) String() string {
	switch p.kind {
	case testRegex:
		return "matches " + p.source
	case testCIDR:
		return "in " + p.network.String()
	case testNull:
		return "is absent"
	case testExists:
		return "is present"
	case testRef:
		return strings.TrimSpace(shapeWord(p.refShape)+" ") + " field " + p.other
	case testNumber:
		word := [...]string{"=", ">", ">=", "<", "<="}[p.compare]
		if p.part != noPart {
			word = [...]string{"", "minute", "hour", "day", "week", "month", "year"}[p.part] + " " + word
		}
		return word + " " + strconv.FormatFloat(p.number, 'g', -1, 64)
	}
	switch p.shape {
	case glob:
		return "like " + p.pattern.String()
	case anything:
		return "is present"
	}
	return shapeWord(p.shape) + " " + p.literal
}

func shapeWord(s shape) string {
	return map[shape]string{exact: "equals", prefix: "startswith", suffix: "endswith", contains: "contains"}[s]
}

// testText applies the test to one text; folded is the text without case.
func (p *Predicate) testText(text string, folded []byte) bool {
	switch p.kind {
	case testString:
		if p.cased {
			return p.testString([]byte(text))
		}
		return p.testString(folded)
	case testRegex:
		return p.matchRegex(text, folded)
	case testCIDR:
		addr, err := netip.ParseAddr(strings.TrimSpace(text))
		return err == nil && p.network.Contains(addr.Unmap().WithZone(""))
	case testNumber:
		return p.testNumber(text)
	}
	return false
}

func (p *Predicate) testString(v []byte) bool {
	lit := p.literal
	switch p.shape {
	case exact:
		return string(v) == lit
	case prefix:
		return len(v) >= len(lit) && string(v[:len(lit)]) == lit
	case suffix:
		return len(v) >= len(lit) && string(v[len(v)-len(lit):]) == lit
	case contains:
		return bytes.Contains(v, stringBytes(lit))
	case anything:
		return true
	}
	return p.pattern.match(v)
}

func (p *Predicate) testNumber(text string) bool {
	var n float64
	if p.part != noPart {
		t, ok := parseTime(text)
		if !ok {
			return false
		}
		n = float64(partOf(t, p.part))
	} else {
		var ok bool
		if n, ok = parseNumber(text); !ok {
			return false
		}
	}
	switch p.compare {
	case greater:
		return n > p.number
	case greaterEqual:
		return n >= p.number
	case less:
		return n < p.number
	case lessEqual:
		return n <= p.number
	}
	return n == p.number
}

func parseNumber(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseFloat(text, 64); err == nil && n == n {
		return n, true
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return float64(n), true
	}
	return 0, false
}

func parseTime(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func partOf(t time.Time, p timePart) int {
	switch p {
	case minute:
		return t.Minute()
	case hour:
		return t.Hour()
	case day:
		return t.Day()
	case week:
		_, w := t.ISOWeek()
		return w
	case month:
		return int(t.Month())
	}
	return t.Year()
}

// compareRef tests a field's value against another field's under the shape of a fieldref.
func (p *Predicate) compareRef(left, right string) bool {
	if !p.cased {
		left, right = foldString(left), foldString(right)
	}
	switch p.refShape {
	case prefix:
		return strings.HasPrefix(left, right)
	case suffix:
		return strings.HasSuffix(left, right)
	case contains:
		return strings.Contains(left, right)
	}
	return left == right
}

// isNull reports whether a present value counts as null.
func isNull(v *normalise.Value) bool {
	return v.Kind == normalise.Null || v.Kind == normalise.List && len(v.List) == 0
}
