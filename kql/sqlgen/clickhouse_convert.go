package sqlgen

import (
	"strconv"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// maxTicks is the last tick of year 9999.
const chMaxTicks = "3155378975999999999"

// Convert implements Dialect.
func (d *clickhouse) Convert(g *Emitter, s string, from, to plan.Type) string {
	if from == to || to == plan.Unknown {
		return s
	}
	if from == plan.Unknown {
		if to == plan.String {
			return "ifNull(toString(" + s + "), '')"
		}
		return "CAST(" + s + " AS " + d.Type(to) + ")"
	}
	if to == plan.String {
		return d.toText(g, s, from)
	}
	if to == plan.Dynamic {
		return d.toDynamic(g, s, from)
	}
	whole := to == plan.Long || to == plan.Int || to == plan.TimeSpan
	switch from {
	case plan.Int, plan.Long:
		switch to {
		case plan.Int:
			return d.fits(s, to)
		case plan.Long, plan.TimeSpan:
			return "toInt64(" + s + ")"
		case plan.Real:
			return "toFloat64(" + s + ")"
		case plan.DateTime:
			return d.let(g, s, func(s string) string {
				return "if(" + s + " BETWEEN 0 AND " + chMaxTicks + ", toInt64(" + s + "), NULL)"
			})
		case plan.Bool:
			return "(" + s + " <> 0)"
		}
	case plan.Real:
		switch {
		case whole:
			return d.fits("trunc("+s+")", to)
		case to == plan.DateTime:
			return d.let(g, d.fits("trunc("+s+")", to), func(s string) string { return "if(" + s + " BETWEEN 0 AND " + chMaxTicks + ", " + s + ", NULL)" })
		case to == plan.Bool:
			return "(" + s + " <> 0)"
		}
	case plan.Bool:
		switch to {
		case plan.Int:
			return "toInt32(" + s + ")"
		case plan.Long:
			return "toInt64(" + s + ")"
		case plan.Real:
			return "toFloat64(" + s + ")"
		}
	case plan.DateTime, plan.TimeSpan:
		switch to {
		case plan.Long:
			return s
		case plan.Real:
			return "toFloat64(" + s + ")"
		}
	case plan.String:
		if out := d.fromText(g, s, to); out != "" {
			return out
		}
	case plan.Dynamic:
		if out := d.fromDynamic(g, s, to); out != "" {
			return out
		}
	}
	return g.Unsupported("to%s() of a %s", to, from)
}

// toText is tostring().
func (d *clickhouse) toText(g *Emitter, s string, from plan.Type) string {
	switch from {
	case plan.Int, plan.Long:
		return "ifNull(toString(" + s + "), '')"
	case plan.Bool:
		return "CASE WHEN " + s + " THEN 'true' WHEN NOT " + s + " THEN 'false' ELSE '' END"
	case plan.GUID, plan.Decimal:
		return "ifNull(" + s + ", '')"
	case plan.Real:
		return "ifNull(" + d.realText(g, s) + ", '')"
	case plan.DateTime:
		return "ifNull(" + d.dateText(g, s) + ", '')"
	case plan.TimeSpan:
		return "ifNull(" + d.spanText(g, s) + ", '')"
	case plan.Dynamic:
		return d.plainText(g, s)
	}
	return g.Unsupported("tostring() of a %s", from)
}

// plainText is tostring() of JSON text.
func (d *clickhouse) plainText(g *Emitter, s string) string {
	return d.let(g, s, func(s string) string {
		return "if(startsWith(ifNull(" + s + ", ''), '\"') AND JSONType(ifNull(" + s + ", '')) = 'String', JSONExtractString(ifNull(" + s + ", '')), ifNull(" + s + ", ''))"
	})
}

// realText writes a real as the language does: recognisable as one, and with a signed exponent of two digits beyond 15 digits.
func (d *clickhouse) realText(g *Emitter, s string) string {
	use := d.let
	if computed(s) {
		// Inside if() the engine computes what is named several times for all rows, not only for those of the branch.
		use = d.bound
	}
	return use(g, s, func(x string) string {
		t := "toString(" + x + ")"
		exponent := "replaceRegexpOne(replaceRegexpOne(" + t + ", 'e([0-9])', 'e+\\\\1'), 'e([+-])([0-9])$', 'e\\\\10\\\\2')"
		large := "concat(replaceOne(replaceRegexpOne(" + t + ", '^(-?[0-9])([0-9]*?)0*$', '\\\\1.\\\\2e+'), '.e', 'e'), toString(length(" + t + ") - 1 - startsWith(" + t + ", '-')))"
		small := "replaceOne(replaceRegexpOne(" + t + ", '^(-?)0\\\\.0{5}([0-9])([0-9]*)$', '\\\\1\\\\2.\\\\3e-06'), '.e', 'e')"
		return "multiIf(" + x + " IS NULL, NULL, isNaN(" + x + "), 'NaN', isInfinite(" + x + "), if(" + x + " > 0, 'Infinity', '-Infinity'), abs(" + x + ") < 1e15 AND " + x + " = trunc(" + x +
			"), concat(" + t + ", '.0'), abs(" + x + ") >= 1e-5 AND abs(" + x + ") < 1e15, " + t + ", position(" + t + ", 'e') > 0, " + exponent + ", abs(" + x + ") > 1, " + large + ", " + small + ")"
	})
}

// bound uses the value of sql, which is computed once.
func (d *clickhouse) bound(g *Emitter, sql string, f func(v string) string) string {
	v := g.newHidden() + "v"
	return "arrayElement(arrayMap(" + v + " -> " + f(v) + ", [" + sql + "]), 1)"
}

func digits(s string, n int) string { return "leftPad(toString(" + s + "), " + itoa(n) + ", '0')" }

// dateText is a datetime in ISO form with seven digits of a second.
func (d *clickhouse) dateText(g *Emitter, s string) string {
	return d.let(g, s, func(x string) string {
		day := d.day(x)
		return "concat(" + digits("toYear("+day+") + "+d.years(x), 4) + ", '-', " + digits("toMonth("+day+")", 2) + ", '-', " + digits("toDayOfMonth("+day+")", 2) + ", 'T', " +
			digits("intDiv("+x+", 36000000000) % 24", 2) + ", ':', " + digits("intDiv("+x+", 600000000) % 60", 2) + ", ':', " + digits("intDiv("+x+", 10000000) % 60", 2) + ", '.', " +
			digits(x+" % 10000000", 7) + ", 'Z')"
	})
}

func (d *clickhouse) spanText(g *Emitter, s string) string {
	return d.let(g, s, func(s string) string {
		x := "toUInt64(abs(toInt128(" + s + ")))"
		return "concat(if(" + s + " < 0, '-', ''), if(" + x + " >= 864000000000, concat(toString(intDiv(" + x + ", 864000000000)), '.'), ''), " +
			digits("intDiv("+x+", 36000000000) % 24", 2) + ", ':', " + digits("intDiv("+x+", 600000000) % 60", 2) + ", ':', " + digits("intDiv("+x+", 10000000) % 60", 2) +
			", if(" + x + " % 10000000 > 0, concat('.', " + digits(x+" % 10000000", 7) + "), ''))"
	})
}

// toDynamic is a scalar as JSON text.
func (d *clickhouse) toDynamic(g *Emitter, s string, from plan.Type) string {
	quoted := func(text string) string { return "concat('\"', " + text + ", '\"')" }
	switch from {
	case plan.String:
		return "toJSONString(" + s + ")"
	case plan.GUID:
		return quoted(s)
	case plan.Int, plan.Long:
		return "toString(" + s + ")"
	case plan.Bool:
		return "CASE WHEN " + s + " THEN 'true' WHEN NOT " + s + " THEN 'false' ELSE NULL END"
	case plan.Real:
		return d.let(g, s, func(s string) string {
			return "if(isNaN(" + s + ") OR isInfinite(" + s + "), " + quoted(d.realText(g, s)) + ", " + d.realText(g, s) + ")"
		})
	case plan.DateTime:
		return quoted(d.dateText(g, s))
	case plan.TimeSpan:
		return quoted(d.spanText(g, s))
	}
	return g.Unsupported("a dynamic value of a %s", from)
}

const chBlank = `' \t\n\r\v\f'`

func (d *clickhouse) trimmed(s string) string { return "trim(BOTH " + chBlank + " FROM " + s + ")" }

// fromText reads text as the conversion functions do.
func (d *clickhouse) fromText(g *Emitter, s string, to plan.Type) string {
	switch to {
	case plan.Long:
		return d.let(g, s, func(s string) string { return d.textToLong(g, s) })
	case plan.Int:
		return d.let(g, s, func(s string) string { return d.fits(d.textToLong(g, s), plan.Int) })
	case plan.Real:
		return d.let(g, s, func(s string) string {
			t := d.trimmed(s)
			return "multiIf(lower(" + t + ") = 'nan', toFloat64(nan), lower(" + t + ") IN ('inf', '+inf', 'infinity', '+infinity'), toFloat64(inf), lower(" + t +
				") IN ('-inf', '-infinity'), toFloat64(-inf), match(" + t + ", '^[0-9.+-][0-9.eE+-]*$'), toFloat64OrNull(" + t + "), match(" + t +
				", '^0[xX][0-9a-fA-F]{1,16}$'), toFloat64(" + d.hexToLong(t) + "), NULL)"
		})
	case plan.Bool:
		return d.let(g, s, func(s string) string {
			t := d.trimmed(s)
			return "multiIf(lower(" + t + ") = 'true', true, lower(" + t + ") = 'false', false, toInt64OrNull(" + t + ") <> 0)"
		})
	case plan.GUID:
		const shape = `'^[{(]?([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{12})[})]?$'`
		return d.let(g, s, func(s string) string {
			t := d.trimmed(s)
			return "if(match(" + t + ", " + shape + "), lower(replaceRegexpOne(" + t + ", " + shape + `, '\\1-\\2-\\3-\\4-\\5')), NULL)`
		})
	case plan.DateTime:
		return d.let(g, s, func(s string) string { return d.textToDate(g, s) })
	}
	return ""
}

// textToLong tries the plain form first, and the others only for what begins like a number.
func (d *clickhouse) textToLong(_ *Emitter, s string) string {
	t := d.trimmed(s)
	other := "multiIf(match(" + t + ", '^[+-]?[0-9]+$'), toInt64OrNull(" + t + "), match(" + t + ", '^0[xX][0-9a-fA-F]{1,16}$'), " + d.hexToLong(t) +
		", match(" + t + ", '^[0-9.+-][0-9.eE+-]*$'), accurateCastOrNull(trunc(toFloat64OrNull(" + t + ")), 'Int64'), NULL)"
	return "multiIf(toInt64OrNull(" + s + ") IS NOT NULL, toInt64OrNull(" + s + "), match(" + s + ", '^[ \\t\\n\\r\\v\\f]*[0-9.+-]'), " + other + ", NULL)"
}

func (d *clickhouse) hexToLong(t string) string {
	return "reinterpretAsInt64(reverse(unhex(leftPad(substring(" + t + ", 3), 16, '0'))))"
}

// textToDate is not said: the many forms of a time in a text are read in Go.
func (d *clickhouse) textToDate(g *Emitter, _ string) string {
	return g.Unsupported("todatetime() of a text")
}

// fromDynamic reads JSON text as a value of another type: by what the scalar in it is.
func (d *clickhouse) fromDynamic(g *Emitter, s string, to plan.Type) string {
	switch to {
	case plan.GUID:
		return d.fromText(g, d.plainText(g, s), to)
	case plan.DateTime, plan.TimeSpan, plan.Decimal:
		return ""
	}
	yes, no := "toInt64(1)", "toInt64(0)"
	switch to {
	case plan.Int:
		yes, no = "toInt32(1)", "toInt32(0)"
	case plan.Real:
		yes, no = "toFloat64(1)", "toFloat64(0)"
	case plan.Bool:
		yes, no = "true", "false"
	}
	return d.let(g, s, func(s string) string {
		text := "if(startsWith(" + s + ", '\"'), JSONExtractString(ifNull(" + s + ", '')), " + s + ")"
		value := d.let(g, "ifNull("+text+", '')", func(t string) string { return d.fromText(g, t, to) })
		if to == plan.Bool {
			value = "if(startsWith(" + s + ", '\"'), " + value + ", toFloat64OrNull(" + s + ") <> 0)"
		}
		return "multiIf(" + s + " IS NULL, NULL, " + s + " = 'true', " + yes + ", " + s + " = 'false', " + no + ", startsWith(" + s + ", '[') OR startsWith(" + s + ", '{'), NULL, " + value + ")"
	})
}

func ticksText(n int64) string { return strconv.FormatInt(n, 10) }
