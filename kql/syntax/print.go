package syntax

// Text lays a query out.
func Text(q *Query) string { return q.Source.Text }
