package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// Enrichment describes a function of the security schema and the source that Options.Enrich may give for it: a function literal over stored tables.
type Enrichment struct {
	Name string
	// Source is the head that the literal must have. Keys are the values to look up; the rows of the result name them in their column Key.
	Source string
	// Columns are what the function adds, or gives; the source may leave any of them out.
	Columns []plan.Column
}

// Enrichments lists the functions of the security schema.
func Enrichments() []Enrichment {
	col := func(t plan.Type, names ...string) []plan.Column {
		var out []plan.Column
		for _, n := range names {
			out = append(out, plan.Column{Name: n, Type: t})
		}
		return out
	}
	join := func(lists ...[]plan.Column) []plan.Column {
		var out []plan.Column
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	return []Enrichment{
		{Name: "FileProfile", Source: "(Keys:(Key:string), By:string)", Columns: join(
			col(plan.String, "SHA1", "SHA256", "MD5"), col(plan.Int, "FileSize", "GlobalPrevalence"), col(plan.DateTime, "GlobalFirstSeen", "GlobalLastSeen"),
			col(plan.String, "Signer", "Issuer", "SignerHash"), col(plan.Bool, "IsCertificateValid", "IsRootSignerMicrosoft"), col(plan.String, "SignatureState"),
			col(plan.Bool, "IsExecutable"), col(plan.String, "ThreatName", "Publisher", "SoftwareName", "ProfileAvailability"))},
		{Name: "DeviceFromIP", Source: "(Keys:(Key:string), At:datetime)", Columns: col(plan.String, "IP", "DeviceId")},
		{Name: "AssignedIPAddresses", Source: "(Device:string, At:datetime)", Columns: join(
			col(plan.DateTime, "Timestamp"), col(plan.String, "IPAddress", "IPType"), col(plan.Int, "NetworkAdapterType"), col(plan.Dynamic, "ConnectedNetworks"))},
		{Name: "SeenBy", Source: "(Keys:(Key:string))", Columns: col(plan.String, "DeviceId")},
	}
}

func enrichmentOf(name string) Enrichment {
	for _, e := range Enrichments() {
		if e.Name == name {
			return e
		}
	}
	return Enrichment{}
}

func tableFunctionNames() []string {
	var out []string
	for _, e := range Enrichments() {
		out = append(out, e.Name)
	}
	return out
}

// tableFunction says whether a name is one of the functions of the security schema.
func (b *binder) tableFunction(name string) bool {
	return contains(tableFunctionNames(), name)
}

// Bounds of the second argument of FileProfile.
const (
	profileDefault = 100
	profileMost    = 1000
)

// enrich binds the functions of the security schema with their documented columns. What the source does not know, or all when there is none, is null, as the
// functions themselves give for what they do not know.
func (b *binder) enrich(x *syntax.Call, env *environment, r *relation) *relation {
	name := x.Name.Text
	e := enrichmentOf(name)
	sc := &scope{env: env, rel: r}
	var args []plan.Expr
	for _, a := range x.Args {
		if _, ok := a.(*syntax.Wildcard); !ok {
			args = append(args, b.scalar(a, sc))
		}
	}
	standalone := r == nil || name == "AssignedIPAddresses" || name == "SeenBy"
	found := b.lookUp(e, x, r, args)
	if found == nil {
		b.warnf(x.Pos(), CodeUnsupported, "", "%s(): there is no source for it here: what it adds is empty", name)
		if standalone {
			return b.emptyTable(e.Columns)
		}
		return b.added(e, r, nil)
	}
	if standalone {
		p := &projection{}
		for _, c := range e.Columns {
			b.put(p, c.Name, b.columnOf(found, c), false)
		}
		return b.projected(found, p, false)
	}
	return b.added(e, r, found)
}

func (b *binder) emptyTable(columns []plan.Column) *relation {
	v := &plan.Values{}
	out := &relation{node: v}
	for _, c := range columns {
		c = b.column(c.Name, c.Type)
		v.Cols = append(v.Cols, c)
		out.fields = append(out.fields, field{Column: c})
	}
	return out
}

// added shows the columns of r and those that the function adds. found, when there is one, has r's columns and those of the source.
func (b *binder) added(e Enrichment, r, found *relation) *relation {
	in := r
	if found != nil {
		in = found
	}
	p := &projection{}
	for i := range r.fields {
		f := in.fields[i] // the same columns in the same places
		p.add(f, ref(f.Column))
	}
	for _, c := range e.Columns {
		if p.used[c.Name] {
			continue
		}
		var v plan.Expr = null(c.Type)
		switch {
		case c.Name == "ProfileAvailability" && found == nil:
			v = &plan.Const{T: plan.String, Value: "Missing"}
		case c.Name == "ProfileAvailability":
			missing := &plan.Call{Func: "isempty", T: plan.Bool, Args: []plan.Expr{ref(found.find("Key").Column)}}
			v = &plan.Case{T: plan.String, Whens: []plan.Expr{missing}, Thens: []plan.Expr{&plan.Const{T: plan.String, Value: "Missing"}}, Else: &plan.Const{T: plan.String, Value: "Available"}}
		case found != nil:
			v = b.columnOf(&relation{fields: found.fields[len(r.fields):]}, c)
		}
		b.put(p, c.Name, v, false)
	}
	return b.projected(in, p, false)
}

// columnOf is a column of a source in the documented type.
func (b *binder) columnOf(r *relation, c plan.Column) plan.Expr {
	f := r.find(c.Name)
	if f == nil {
		return null(c.Type)
	}
	return b.convert(ref(f.Column), c.Type)
}

// lookUp binds the source of a function: for a function that adds columns r joined with it, else its rows. It is nil when there is no source, or nothing to
// look up; a source is never a reason for a query to fail.
func (b *binder) lookUp(e Enrichment, x *syntax.Call, r *relation, args []plan.Expr) *relation {
	source := b.opt.Enrich[e.Name]
	if source == "" {
		return nil
	}
	l, _ := storedLambda(source)
	if l == nil {
		return nil
	}
	v := &variable{lambda: l, env: &environment{}, stored: e.Name}
	at := func(i int) plan.Expr {
		if i < len(args) && args[i].Type() == plan.DateTime && !refers(args[i]) {
			return args[i]
		}
		return &plan.Const{T: plan.DateTime, Value: b.now}
	}
	switch e.Name {
	case "FileProfile":
		by, key := b.profileKey(x, r)
		if key == nil {
			return nil
		}
		limit := int64(profileDefault)
		if len(args) > 1 {
			if c := constant(args[len(args)-1]); c != nil {
				if n, ok := c.Value.(int64); ok {
					limit = min(max(n, 1), profileMost)
				}
			}
		}
		return b.joined(v, x, r, key, limit, &plan.Const{T: plan.String, Value: by})
	case "DeviceFromIP":
		if r == nil {
			if len(args) == 0 {
				return nil
			}
			one := b.one("IP", b.asText(args[0]))
			return b.joined(v, x, one, one.find("IP"), 1, at(1))
		}
		key := r.find("IP")
		if len(x.Args) > 0 {
			if n := columnNamed(x.Args[0]); n != "" && r.find(n) != nil {
				key = r.find(n)
			}
		}
		if key == nil {
			return nil
		}
		return b.joined(v, x, r, key, profileMost, at(1))
	case "AssignedIPAddresses":
		if len(args) == 0 || refers(args[0]) {
			return nil
		}
		return b.source(v, x, nil, b.asText(args[0]), at(1))
	case "SeenBy":
		var keys *relation
		switch {
		case len(args) > 0 && !refers(args[0]):
			keys = b.one("Key", b.asText(args[0]))
		case r != nil:
			key := r.find("DeviceId")
			if len(x.Args) > 0 {
				if n := columnNamed(x.Args[0]); n != "" {
					key = r.find(n)
				}
			}
			if key == nil {
				return nil
			}
			keys = b.keys(r, *key, profileMost)
		default:
			return nil
		}
		return b.source(v, x, keys)
	}
	return nil
}

// refers says whether an expression looks at the columns of a row.
func refers(e plan.Expr) bool {
	found := false
	plan.WalkExpr(e, func(e plan.Expr) {
		if _, ok := e.(*plan.ColRef); ok {
			found = true
		}
	})
	return found
}

// columnNamed is the column that an argument names, plainly or as a text.
func columnNamed(x syntax.Expr) string {
	switch x := x.(type) {
	case *syntax.Name:
		return x.Text
	case *syntax.Literal:
		s, _ := x.Value.(string)
		return s
	case *syntax.Paren:
		return columnNamed(x.X)
	}
	return ""
}

// profileKey is the kind of hash by which files are looked up, and its column.
func (b *binder) profileKey(x *syntax.Call, r *relation) (string, *field) {
	if r == nil {
		return "", nil
	}
	name := "SHA1"
	if len(x.Args) > 0 {
		if n := columnNamed(x.Args[0]); n != "" && r.find(n) != nil {
			name = n
		}
	}
	key := r.find(name)
	if key == nil || key.Type != plan.String {
		return "", nil
	}
	switch upper := strings.ToUpper(name); {
	case strings.Contains(upper, "256"):
		return "SHA256", key
	case strings.Contains(upper, "MD5"):
		return "MD5", key
	}
	return "SHA1", key
}

// one is a table of one row with one column.
func (b *binder) one(name string, e plan.Expr) *relation {
	c := b.column(name, e.Type())
	return &relation{node: &plan.Project{Input: &plan.Values{Rows: [][]plan.Expr{{}}}, Items: []plan.Named{{Column: c, Expr: e}}}, fields: []field{{Column: c}}}
}

// keys are the distinct values of a column, at most limit, as a table with the column Key.
func (b *binder) keys(r *relation, key field, limit int64) *relation {
	c := b.column("Key", plan.String)
	filled := &plan.Filter{Input: r.node, Pred: &plan.Call{Func: "isnotempty", T: plan.Bool, Args: []plan.Expr{ref(key.Column)}}}
	distinct := &plan.Aggregate{Input: filled, Keys: []plan.Named{{Column: c, Expr: b.asText(ref(key.Column))}}}
	return &relation{node: &plan.Limit{Input: distinct, N: &plan.Const{T: plan.Long, Value: limit}}, fields: []field{{Column: c}}}
}

// source binds the literal of a source. The rows that it reads are those of all times: what is known about a file does not depend on the time range of the query. nil when it
// cannot be bound.
func (b *binder) source(v *variable, x *syntax.Call, keys *relation, args ...plan.Expr) *relation {
	env := &environment{}
	c := &syntax.Call{Span: x.Span, Name: x.Name}
	for i, a := range args {
		n := "arg" + itoa(i)
		env.define(n, &variable{expr: a, name: n})
		c.Args = append(c.Args, &syntax.Name{Span: x.Span, Text: n})
	}
	diags, scans := len(b.diags), len(b.scans)
	out := b.tableLambda(v, c, env, keys)
	b.scans = b.scans[:scans]
	broken := false
	for _, d := range b.diags[diags:] {
		broken = broken || !d.Warning
	}
	b.diags = b.diags[:diags]
	if broken {
		return nil
	}
	return b.visible(out)
}

// joined is r with the columns of a source, by key: first r's, then the source's.
func (b *binder) joined(v *variable, x *syntax.Call, r *relation, key *field, limit int64, args ...plan.Expr) *relation {
	place := 0
	for i := range r.fields {
		if r.fields[i].ID == key.ID {
			place = i
		}
	}
	use := b.share(v.stored, r, true)
	rows := use()
	asked := use()
	found := b.source(v, x, b.keys(asked, asked.fields[place], limit), args...)
	if found == nil || found.find("Key") == nil {
		return nil
	}
	j := &plan.Join{
		Kind: plan.LeftOuter, Left: rows.node, Right: found.node,
		LeftKeys: []plan.Expr{b.asText(ref(rows.fields[place].Column))}, RightKeys: []plan.Expr{ref(found.find("Key").Column)},
	}
	p := &projection{}
	for _, f := range rows.fields {
		p.add(f, ref(f.Column))
	}
	for _, f := range found.fields {
		p.add(f, ref(f.Column))
	}
	j.Out = p.items
	return &relation{node: j, fields: p.fields, open: r.open}
}
