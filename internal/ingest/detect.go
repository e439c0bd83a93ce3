package ingest

// Auto is the source name that lets the content decide.
const Auto = "auto"

// minScore is how sure a probe must be to claim a record.
const minScore = 20

// detect returns the name of the family that is surest about data; "generic" when none is.
func (p *Pipeline) detect(data []byte) string { return DetectFamily(p.cfg.Families, data) }

// DetectFamily returns the name of the family that is surest about data, "generic" when none claims it.
func DetectFamily(families []Family, data []byte) string {
	best, name := minScore-1, "generic"
	for _, f := range families {
		if f.Probe == nil {
			continue
		}
		if s := f.Probe(data); s > best {
			best, name = s, f.Name()
		}
	}
	return name
}
