package normalise

import "strings"

// CleanText returns s without surrounding space, and "" for the "-" that sources write for an absent value.
func CleanText(s string) string {
	s = strings.TrimSpace(s)
	if s == "-" {
		return ""
	}
	return s
}

// SplitAccount splits the forms in which sources name an account: `DOMAIN\user`, `user@realm` (which is the UPN too), or a bare name.
// Absent values ("-", "", "NULL SID") give empty parts.
func SplitAccount(s string) (domain, name, upn string) {
	s = CleanText(s)
	if s == "" || s == "NULL SID" {
		return "", "", ""
	}
	if d, n, ok := strings.Cut(s, `\`); ok {
		return CleanText(d), CleanText(n), ""
	}
	if i := strings.LastIndexByte(s, '@'); i > 0 && i < len(s)-1 {
		return s[i+1:], s[:i], s
	}
	return "", s, ""
}

// CleanSID returns a security identifier in its S-1-… form, and "" for "-", S-1-0-0 and anything that is not one. The %{…} of rendered
// events is stripped.
func CleanSID(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "%{") && strings.HasSuffix(s, "}") {
		s = s[2 : len(s)-1]
	}
	if len(s) < 5 || s == "S-1-0-0" || !strings.HasPrefix(s, "S-1-") {
		return ""
	}
	return s
}

// IsMachineAccount reports whether an account name is that of a computer or a managed service account ("DC01$").
func IsMachineAccount(name string) bool { return strings.HasSuffix(name, "$") }

// Leaf returns what follows the last slash or backslash of a path.
func Leaf(path string) string {
	return path[strings.LastIndexAny(path, `\/`)+1:]
}

// Hashes holds the digests of one file as lower-case hex; absent ones are empty.
type Hashes struct {
	MD5, SHA1, SHA256, ImpHash string
}

// ParseHashes reads "SHA1=…,MD5=…,SHA256=…,IMPHASH=…" in any order and case, and bare digests, which are told apart by their length.
// Digests of nothing but zeros mean "not computed" and stay empty.
func ParseHashes(s string) Hashes {
	var h Hashes
	for s != "" {
		var part string
		part, s, _ = strings.Cut(s, ",")
		kind, digest, named := strings.Cut(strings.TrimSpace(part), "=")
		if !named {
			kind, digest = "", kind
		}
		if !isDigest(digest) {
			continue
		}
		digest = strings.ToLower(digest)
		switch {
		case strings.EqualFold(kind, "IMPHASH"):
			if len(digest) == 32 {
				h.ImpHash = digest
			}
		case len(digest) == 32 && (!named || strings.EqualFold(kind, "MD5")):
			h.MD5 = digest
		case len(digest) == 40 && (!named || strings.EqualFold(kind, "SHA1")):
			h.SHA1 = digest
		case len(digest) == 64 && (!named || strings.EqualFold(kind, "SHA256")):
			h.SHA256 = digest
		}
	}
	return h
}

func isDigest(s string) bool {
	zero := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
		zero = zero && c == '0'
	}
	return !zero
}
