package reader

// Auto is the source name that asks for recognition by content.
const Auto = "auto"

// sure is the score from which a file's family is kept without asking the other probes.
const sure = 50

// Probe recognises the records of one family. Score is 0 for "not mine" up to 100 for "certainly mine"; it must be cheap, as it sees every record.
type Probe struct {
	Name  string
	Score func(data []byte) int
}

// Detect returns the name of the probe with the highest score, the first of equals, or "" when all say 0.
func Detect(probes []Probe, data []byte) string {
	name, best := "", 0
	for i := range probes {
		if s := probes[i].Score(data); s > best {
			name, best = probes[i].Name, s
		}
	}
	return name
}

// Detector chooses the family of each record of one file: the last choice stands while its probe is sure, so that a long file costs one probe per
// record, and a file of mixed records is still told apart.
type Detector struct {
	probes []Probe
	last   int
}

// NewDetector returns a Detector over probes.
func NewDetector(probes []Probe) *Detector { return &Detector{probes: probes, last: -1} }

// Family returns the family of the record, or Auto when no probe knows it.
func (d *Detector) Family(data []byte) string {
	if d.last >= 0 && d.probes[d.last].Score(data) >= sure {
		return d.probes[d.last].Name
	}
	best := 0
	d.last = -1
	for i := range d.probes {
		if s := d.probes[i].Score(data); s > best {
			best, d.last = s, i
		}
	}
	if d.last < 0 {
		return Auto
	}
	return d.probes[d.last].Name
}
