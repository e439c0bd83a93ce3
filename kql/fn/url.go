package fn

import (
	"net/url"
	"strings"
)

func urlFunctions() map[string]impl {
	return map[string]impl{
		"parse_url": parseURL,
		"parse_urlquery": func(c *call) any {
			out := newBag(1)
			out.set("Query Parameters", queryBag(strings.TrimPrefix(c.str(0), "?")))
			return tree{out}
		},
		"url_decode": func(c *call) any {
			s := strings.ReplaceAll(c.str(0), "+", " ")
			if out, err := url.PathUnescape(s); err == nil {
				return out
			}
			return lenientUnescape(s)
		},
		"url_encode":           func(c *call) any { return percentEncode(c.str(0), true) },
		"url_encode_component": func(c *call) any { return percentEncode(c.str(0), false) },
	}
}

// lenientUnescape decodes what can be decoded and leaves stray percent signs.
func lenientUnescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if r, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(r)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func percentEncode(s string, plus bool) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch >= '0' && ch <= '9', ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch == '-', ch == '_', ch == '.', ch == '~':
			b.WriteByte(ch)
		case plus && ch == ' ':
			b.WriteByte('+')
		case plus && strings.IndexByte("!*()", ch) >= 0:
			b.WriteByte(ch)
		default:
			b.Write([]byte{'%', hex[ch>>4], hex[ch&15]})
		}
	}
	return b.String()
}

func queryBag(q string) *bag {
	out := newBag(4)
	for _, kv := range strings.Split(q, "&") {
		if kv == "" {
			continue
		}
		k, v, _ := strings.Cut(kv, "=")
		out.set(unescaped(k), unescaped(v))
	}
	return out
}

func unescaped(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}

// parseURL splits scheme://user:password@host:port/path?query#fragment; what is not there is "".
func parseURL(c *call) any {
	s := strings.TrimSpace(c.str(0))
	var scheme, user, password, host, port, path, query, fragment string
	rest := s
	if i := strings.Index(rest, "://"); i >= 0 {
		scheme, rest = rest[:i], rest[i+3:]
		if i := strings.IndexByte(rest, '#'); i >= 0 {
			rest, fragment = rest[:i], rest[i+1:]
		}
		if i := strings.IndexByte(rest, '?'); i >= 0 {
			rest, query = rest[:i], rest[i+1:]
		}
		authority := rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			authority, path = rest[:i], rest[i:]
		}
		if i := strings.LastIndexByte(authority, '@'); i >= 0 {
			user, password, _ = strings.Cut(authority[:i], ":")
			authority = authority[i+1:]
		}
		host = authority
		if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
			host, port = authority[:i], authority[i+1:]
		}
	} else {
		if i := strings.IndexByte(rest, '#'); i >= 0 {
			rest, fragment = rest[:i], rest[i+1:]
		}
		if i := strings.IndexByte(rest, '?'); i >= 0 {
			rest, query = rest[:i], rest[i+1:]
		}
		path = rest
	}
	out := newBag(9)
	for _, kv := range [][2]string{
		{"Scheme", scheme}, {"Host", host}, {"Port", port}, {"Path", path}, {"Username", user}, {"Password", password},
	} {
		out.set(kv[0], kv[1])
	}
	out.set("Query Parameters", queryBag(query))
	out.set("Fragment", fragment)
	return tree{out}
}
