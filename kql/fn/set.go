package fn

func setFunctions() map[string]impl {
	return map[string]impl{
		"set_has_element": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			want := c.dyn(1)
			for _, e := range l {
				if sameTree(e, want) {
					return true
				}
			}
			return false
		},
		"set_union": func(c *call) any {
			return c.sets(func(u *union) bool { return true })
		},
		"set_intersect": func(c *call) any {
			return c.sets(func(u *union) bool { return u.count == c.n() })
		},
		"set_difference": func(c *call) any {
			return c.sets(func(u *union) bool { return u.count == 1 && u.inFirst })
		},
		"set_equals": func(c *call) any {
			a, ok1 := c.list(0)
			b, ok2 := c.list(1)
			if !ok1 || !ok2 {
				return nil
			}
			x, y := keysOf(a), keysOf(b)
			if len(x) != len(y) {
				return false
			}
			for k := range x {
				if !y[k] {
					return false
				}
			}
			return true
		},
		"jaccard_index": func(c *call) any {
			a, ok1 := c.list(0)
			b, ok2 := c.list(1)
			if !ok1 || !ok2 {
				return nil
			}
			x, y := keysOf(a), keysOf(b)
			both := 0
			for k := range x {
				if y[k] {
					both++
				}
			}
			all := len(x) + len(y) - both
			if all == 0 {
				return nil
			}
			return tree{float64(both) / float64(all)}
		},
	}
}

func keysOf(l []any) map[string]bool {
	m := make(map[string]bool, len(l))
	for _, e := range l {
		m[treeKey(e)] = true
	}
	return m
}

type union struct {
	v       any
	count   int
	last    int
	inFirst bool
}

// sets gives the distinct elements of all arguments that keep accepts, in order of appearance.
func (c *call) sets(keep func(*union) bool) any {
	m := map[string]*union{}
	var order []*union
	for i := range c.args {
		l, ok := c.list(i)
		if !ok {
			return nil
		}
		for _, e := range l {
			k := treeKey(e)
			u := m[k]
			if u == nil {
				u = &union{v: e, last: -1, inFirst: i == 0}
				m[k] = u
				order = append(order, u)
			}
			if u.last != i {
				u.last = i
				u.count++
			}
		}
	}
	out := []any{}
	for _, u := range order {
		if keep(u) {
			out = append(out, u.v)
		}
	}
	return tree{out}
}
