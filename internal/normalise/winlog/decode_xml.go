package winlog

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// maxXMLDepth bounds nesting; a Windows event needs about six levels.
const maxXMLDepth = 32

// xmlEvent walks the tokens of an event and puts what it finds into a record.
type xmlEvent struct {
	r     *record
	path  []string // local names of the open elements
	name  string   // Name attribute of the innermost Data element
	text  []byte
	leaf  bool // the innermost element had no child so far
	found bool // some event data was read
}

// decodeXML reads one <Event> element.
func decodeXML(data []byte, r *record) error {
	r.dialect = dialectXML
	w := &xmlEvent{r: r}
	if err := w.walk(data); err != nil {
		return fault.Newf(fault.Invalid, "the record is not a well-formed XML event: %s", clip(err.Error(), 200))
	}
	return r.check()
}

// dataXML reads the event data part alone and reports whether it found any.
func dataXML(data []byte, r *record) bool {
	w := &xmlEvent{r: r, path: []string{"Event"}}
	return w.walk(data) == nil && w.found
}

func (w *xmlEvent) walk(data []byte) error {
	base := len(w.path)
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // what reaches us is UTF-8 whatever it declares
	for {
		tok, err := dec.RawToken()
		if err == io.EOF {
			if len(w.path) > base {
				return errors.New("it ends inside <" + w.path[len(w.path)-1] + ">")
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(w.path) >= maxXMLDepth {
				return errors.New("it is nested too deep")
			}
			w.open(t)
		case xml.EndElement:
			if len(w.path) == base || w.path[len(w.path)-1] != t.Name.Local {
				return errors.New("</" + clip(t.Name.Local, 40) + "> closes nothing")
			}
			w.close()
		case xml.CharData:
			w.text = append(w.text, t...)
		}
	}
}

func (w *xmlEvent) open(t xml.StartElement) {
	w.path = append(w.path, t.Name.Local)
	w.text, w.name, w.leaf = w.text[:0], "", true
	for _, a := range t.Attr {
		if a.Name.Local == "Name" {
			w.name = a.Value
		}
	}
	if len(w.path) != 3 || w.path[1] != "System" {
		return
	}
	for _, a := range t.Attr {
		switch t.Name.Local + " " + a.Name.Local {
		case "Provider Name":
			w.r.provider = a.Value
		case "TimeCreated SystemTime":
			w.r.time, _ = normalise.ParseTime(a.Value)
		case "Execution ProcessID":
			w.r.processID = a.Value
		case "Execution ThreadID":
			w.r.threadID = a.Value
		case "Security UserID":
			w.r.userID = a.Value
		case "Correlation ActivityID":
			w.r.activity = a.Value
		}
	}
}

func (w *xmlEvent) close() {
	depth := len(w.path)
	name := w.path[depth-1]
	leaf := w.leaf
	w.path = w.path[:depth-1]
	w.leaf = false
	if depth < 2 || !leaf {
		return
	}
	r := w.r
	switch section := w.section(); {
	case section == "System" && depth == 3:
		w.system(name, strings.TrimSpace(string(w.text)))
	case name == "Data" && w.name != "" && section != "System":
		w.found = true
		r.add(w.name, normalise.Value{Kind: normalise.String, Text: r.keep(w.text)})
	case name == "Data" || name == "Param" || name == "Binary" && section == "EventData":
		if text := r.keep(w.text); text != "" {
			w.found = true
			if name == "Param" {
				name = "Data"
			}
			r.addText(name, text)
		}
	case section == "UserData" || section == "ProcessingErrorData":
		w.found = true
		if depth > 4 { // below the provider's own element: dotted
			name = strings.Join(w.path[3:], ".") + "." + name
		}
		r.addText(r.names.name([]byte(name)), r.keep(w.text))
	case section == "RenderingInfo" && name == "Message":
		r.message = r.keep(w.text)
	}
}

// section is the part of the event (System, EventData, UserData, …) that the element just closed belongs to.
func (w *xmlEvent) section() string {
	if len(w.path) > 1 {
		return w.path[1]
	}
	return ""
}

func (w *xmlEvent) system(name, text string) {
	r := w.r
	switch name {
	case "EventID":
		n, _ := parseInt(text)
		r.eventID = int(n & 0x7fffffff)
	case "Version":
		r.version = text
	case "Level":
		r.level = text
	case "Task":
		r.task = text
	case "Opcode":
		r.opcode = text
	case "Keywords":
		r.keywords = text
	case "EventRecordID":
		r.recordID = text
	case "Channel":
		r.channel = text
	case "Computer":
		r.computer = text
	}
}
