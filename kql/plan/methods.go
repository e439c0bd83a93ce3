package plan

// Columns of the nodes.
func (n *Scan) Columns() []Column      { return n.Cols }
func (n *Values) Columns() []Column    { return n.Cols }
func (n *Range) Columns() []Column     { return []Column{n.Col} }
func (n *External) Columns() []Column  { return n.Cols }
func (n *Project) Columns() []Column   { return columnsOf(n.Items) }
func (n *Filter) Columns() []Column    { return n.Input.Columns() }
func (n *Sort) Columns() []Column      { return n.Input.Columns() }
func (n *Limit) Columns() []Column     { return n.Input.Columns() }
func (n *Sample) Columns() []Column    { return n.Input.Columns() }
func (n *Join) Columns() []Column      { return columnsOf(n.Out) }
func (n *Union) Columns() []Column     { return n.Cols }
func (n *Expand) Columns() []Column    { return n.Out }
func (n *Outer) Columns() []Column     { return n.Cols }
func (n *Serialize) Columns() []Column { return n.Input.Columns() }
func (n *Shared) Columns() []Column    { return n.Cols }
func (n *Local) Columns() []Column     { return n.Cols }

// Columns of an aggregate are its keys, then its aggregates.
func (n *Aggregate) Columns() []Column {
	out := columnsOf(n.Keys)
	for _, a := range n.Aggs {
		out = append(out, a.Column)
	}
	return out
}

func columnsOf(items []Named) []Column {
	out := make([]Column, len(items))
	for i, it := range items {
		out[i] = it.Column
	}
	return out
}

func (e *Const) Type() Type   { return e.T }
func (e *ColRef) Type() Type  { return e.T }
func (e *Call) Type() Type    { return e.T }
func (e *Case) Type() Type    { return e.T }
func (e *Scalar) Type() Type  { return e.T }
func (e *Window) Type() Type  { return e.T }
func (e *InQuery) Type() Type { return Bool }
