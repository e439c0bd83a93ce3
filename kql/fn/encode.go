package fn

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

func encodeFunctions() map[string]impl {
	decode64 := func(c *call) any {
		b, ok := fromBase64(c.str(0))
		if !ok || !utf8.Valid(b) {
			return ""
		}
		return string(b)
	}
	encode64 := func(c *call) any { return base64.StdEncoding.EncodeToString([]byte(c.str(0))) }
	return map[string]impl{
		"base64_decode_tostring": decode64, "base64_decodestring": decode64,
		"base64_encode_tostring": encode64, "base64_encodestring": encode64,
		"base64_decode_toarray": func(c *call) any {
			b, ok := fromBase64(c.str(0))
			if !ok {
				return nil
			}
			out := make([]any, len(b))
			for i, x := range b {
				out[i] = int64(x)
			}
			return tree{out}
		},
		"base64_decode_toguid": func(c *call) any {
			b, ok := fromBase64(c.str(0))
			if !ok {
				return nil
			}
			if len(b) == 16 {
				return toGUID(hexOf([]byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}) + hexOf(b[8:]))
			}
			return toGUID(string(b))
		},
		"base64_encode_fromarray": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return ""
			}
			b := make([]byte, len(l))
			for i, e := range l {
				n, ok := e.(int64)
				if !ok || n < 0 || n > 255 {
					return ""
				}
				b[i] = byte(n)
			}
			return base64.StdEncoding.EncodeToString(b)
		},
		"base64_encode_fromguid": func(c *call) any {
			return base64.StdEncoding.EncodeToString([]byte(c.str(0)))
		},
		"gzip_compress_to_base64_string": func(c *call) any {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			return packed(w, &b, c.str(0))
		},
		"zlib_compress_to_base64_string": func(c *call) any {
			var b bytes.Buffer
			w := zlib.NewWriter(&b)
			return packed(w, &b, c.str(0))
		},
		"gzip_decompress_from_base64_string": unpack(func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }),
		"zlib_decompress_from_base64_string": unpack(zlib.NewReader),
		"punycode_from_string": func(c *call) any {
			out, err := idna.New().ToASCII(c.str(0))
			if err != nil {
				return ""
			}
			return strings.TrimPrefix(out, "xn--")
		},
		"punycode_to_string": func(c *call) any {
			out, err := idna.New().ToUnicode("xn--" + c.str(0))
			if err != nil {
				return ""
			}
			return out
		},
		"punycode_domain_from_string": punycodeDomain(true),
		"punycode_domain_to_string":   punycodeDomain(false),
	}
}

func punycodeDomain(decode bool) impl {
	return func(c *call) any {
		labels := strings.Split(c.str(0), ".")
		for i, l := range labels {
			var out string
			var err error
			if decode {
				out, err = idna.New().ToUnicode(l)
			} else {
				out, err = idna.New().ToASCII(l)
			}
			if err != nil {
				return ""
			}
			labels[i] = out
		}
		return strings.Join(labels, ".")
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(b))
	for _, x := range b {
		out = append(out, digits[x>>4], digits[x&15])
	}
	return string(out)
}

func fromBase64(s string) ([]byte, bool) {
	s = strings.TrimSpace(s)
	if len(s)%4 != 0 {
		return nil, false
	}
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil
}

func packed(w io.WriteCloser, b *bytes.Buffer, s string) any {
	if _, err := io.WriteString(w, s); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// unpack stops at maxText bytes: what a small text may grow to is bounded.
func unpack(open func(io.Reader) (io.ReadCloser, error)) impl {
	return func(c *call) any {
		b, ok := fromBase64(c.str(0))
		if !ok {
			return ""
		}
		r, err := open(bytes.NewReader(b))
		if err != nil {
			return ""
		}
		out, err := io.ReadAll(io.LimitReader(r, maxText+1))
		if err != nil || len(out) > maxText || !utf8.Valid(out) {
			return ""
		}
		return string(out)
	}
}
