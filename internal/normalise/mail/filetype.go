package mail

import (
	"bytes"
	"strings"
)

// signatures are beginnings of files and the type they show, in the words of file extensions.
var signatures = [...]struct{ magic, kind string }{
	{"%PDF-", "pdf"},
	{"MZ", "exe"},
	{"\x7fELF", "elf"},
	{"Rar!\x1a\x07", "rar"},
	{"7z\xbc\xaf\x27\x1c", "7z"},
	{"\x1f\x8b\x08", "gz"},
	{"\xfd7zXZ\x00", "xz"},
	{"\x28\xb5\x2f\xfd", "zst"},
	{"BZh", "bz2"},
	{"MSCF", "cab"},
	{"{\\rtf", "rtf"},
	{"\x89PNG\r\n\x1a\n", "png"},
	{"\xff\xd8\xff", "jpg"},
	{"GIF87a", "gif"},
	{"GIF89a", "gif"},
	{"BM", "bmp"},
	{"II*\x00", "tif"},
	{"MM\x00*", "tif"},
	{"L\x00\x00\x00\x01\x14\x02\x00", "lnk"},
	{"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "one"},
	{"#!", "script"},
	{"dex\n", "dex"},
	{"\xca\xfe\xba\xbe", "class"},
	{"\xcf\xfa\xed\xfe", "macho"},
	{"ITSF", "chm"},
	{"wOFF", "woff"},
	{"BEGIN:VCALENDAR", "ics"},
	{"-----BEGIN PGP", "asc"},
	{"ID3", "mp3"},
	{"OggS", "ogg"},
	{"\x00\x00\x01\x00", "ico"},
	{"vhdxfile", "vhdx"},
	{"conectix", "vhd"},
}

// fileType names a file's type by its content, "" when the content shows none.
func fileType(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return zipType(data)
	case bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		return oleType(data)
	case len(data) > 0x8006 && string(data[0x8001:0x8006]) == "CD001":
		return "iso"
	case len(data) > 12 && string(data[:4]) == "RIFF":
		return strings.ToLower(strings.TrimSpace(string(bytes.Trim(data[8:12], "\x00"))))
	case len(data) > 12 && string(data[4:8]) == "ftyp":
		return "mp4"
	}
	for _, s := range signatures {
		if bytes.HasPrefix(data, []byte(s.magic)) {
			if s.magic == "MZ" && len(data) < 64 || s.magic == "BM" && len(data) < 26 {
				continue
			}
			return s.kind
		}
	}
	head := bytes.ToLower(bytes.TrimLeft(data[:min(len(data), 2048)], "\xef\xbb\xbf \t\r\n"))
	for _, p := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<meta http-equiv"} {
		if bytes.HasPrefix(head, []byte(p)) {
			return "html"
		}
	}
	if bytes.HasPrefix(head, []byte("<svg")) || bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte("<svg")) {
		return "svg"
	}
	return ""
}

// zipType tells the formats that are zip archives by the names of their first members.
func zipType(data []byte) string {
	head := data[:min(len(data), 8192)]
	macro := bytes.Contains(data, []byte("vbaProject.bin"))
	for _, f := range []struct{ member, plain, macro string }{
		{"word/", "docx", "docm"}, {"xl/", "xlsx", "xlsm"}, {"ppt/", "pptx", "pptm"}, {"AndroidManifest.xml", "apk", "apk"}, {"META-INF/MANIFEST.MF", "jar", "jar"},
	} {
		if bytes.Contains(head, []byte(f.member)) || strings.HasSuffix(f.member, "/") && bytes.Contains(head, []byte("[Content_Types].xml")) && bytes.Contains(data, []byte(f.member)) {
			if macro {
				return f.macro
			}
			return f.plain
		}
	}
	if bytes.HasPrefix(head[min(30, len(head)):], []byte("mimetypeapplication/vnd.oasis.opendocument.")) {
		return "odf"
	}
	return "zip"
}

// oleType tells the compound documents of old Office, mail and installers by their stream names (UTF-16).
func oleType(data []byte) string {
	for _, s := range []struct{ stream, kind string }{{"WordDocument", "doc"}, {"Workbook", "xls"}, {"PowerPoint Document", "ppt"}, {"__substg1.0_", "msg"}} {
		wide := make([]byte, 0, 2*len(s.stream))
		for i := range len(s.stream) {
			wide = append(wide, s.stream[i], 0)
		}
		if bytes.Contains(data, wide) {
			return s.kind
		}
	}
	return "ole"
}

func byContentType(kind string) string {
	switch kind {
	case "text/plain":
		return "txt"
	case "text/calendar":
		return "ics"
	case "application/pgp-signature", "application/pgp-encrypted":
		return "asc"
	case "application/pkcs7-signature", "application/x-pkcs7-signature":
		return "p7s"
	}
	_, sub, _ := strings.Cut(kind, "/")
	if len(sub) > 0 && len(sub) <= 5 {
		return sub
	}
	return ""
}
