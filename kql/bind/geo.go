package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// geoLookup joins positions with the polygons that contain them, or with the polygons or lines that are within a radius. lookup_area_radius only tells the
// service how to search; it changes no result.
func (b *binder) geoLookup(r *relation, op *syntax.Evaluate, env *environment) *relation {
	args, named := namedArgs(op.Call)
	name := op.Call.Name.Text
	byPlace := []string{"LookupTable", "key", "SourceLongitude", "SourceLatitude", "radius", "return_unmatched", "lookup_area_radius", "return_lookup_key"}
	for i, x := range args {
		if i < len(byPlace) {
			if _, twice := named[byPlace[i]]; !twice {
				named[byPlace[i]] = x
			}
		}
	}
	lines := name == "geo_line_lookup"
	if len(args) < 4 || lines && named["radius"] == nil {
		b.errorf(op.Call.Pos(), CodeType, strings.Join(b.functions.plugin[name].text, " or "), "%s() needs a table, its key, a longitude and a latitude", name)
		return b.broken()
	}
	free := &scope{env: env}
	flag := func(option string) bool {
		if named[option] == nil {
			return false
		}
		c := constant(b.scalar(named[option], free))
		return c != nil && c.Value == true
	}
	right := b.visible(b.table(args[0], env))
	key := b.scalar(args[1], &scope{env: env, rel: right})
	row := &scope{env: env, rel: r}
	where := []plan.Expr{b.scalar(args[2], row), b.scalar(args[3], row), key}
	j := &plan.Join{Kind: plan.Inner, Left: r.node, Right: right.node}
	if flag("return_unmatched") {
		j.Kind = plan.LeftOuter
	}
	j.On = &plan.Call{Func: "geo_point_in_polygon", T: plan.Bool, Args: where}
	if named["radius"] != nil {
		distance := "geo_distance_point_to_polygon"
		if lines {
			distance = "geo_distance_point_to_line"
		}
		radius := b.convert(b.scalar(named["radius"], free), plan.Real)
		j.On = &plan.Call{Func: "<=", T: plan.Bool, Args: []plan.Expr{&plan.Call{Func: distance, T: plan.Real, Args: where}, radius}}
	}
	p := &projection{}
	for _, f := range r.fields {
		if rf := right.find(f.Name); f.hidden && rf != nil {
			continue
		}
		p.add(f, ref(f.Column))
	}
	withKey := flag("return_lookup_key")
	keyName, _ := args[1].(*syntax.Name)
	var fields []field
	for _, f := range right.fields {
		if withKey || keyName == nil || f.Name != keyName.Text {
			fields = append(fields, f)
		}
	}
	p.distinct(fields)
	j.Out = p.items
	return &relation{node: j, fields: p.fields, open: r.open || right.open}
}
