package kqltest_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// injected are the dialects whose SQL must keep text from queries inside of its literals; escapes says that a backslash escapes in them.
func injected() map[string]struct {
	dialect sqlgen.Dialect
	escapes bool
} {
	return map[string]struct {
		dialect sqlgen.Dialect
		escapes bool
	}{
		"duckdb": {sqlgen.DuckDB(), false},
	}
}

// outside is a statement without its text literals and quoted names. It fails where one is not closed.
func outside(sql string, escapes bool) (string, error) {
	var b strings.Builder
	for i := 0; i < len(sql); i++ {
		quote := sql[i]
		if quote != '\'' && quote != '"' && quote != '`' {
			b.WriteByte(quote)
			continue
		}
		end := -1
		for j := i + 1; j < len(sql); j++ {
			if escapes && sql[j] == '\\' {
				j++
				continue
			}
			if sql[j] == quote {
				if j+1 < len(sql) && sql[j+1] == quote {
					j++
					continue
				}
				end = j
				break
			}
		}
		if end < 0 {
			return "", fmt.Errorf("a literal is not closed: %.200s", sql[i:])
		}
		b.WriteString("?")
		i = end
	}
	return b.String(), nil
}

// quoted writes a text as a literal of the query language.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 || r == 0x85:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// marker stands in every text that a test puts into a query; it must never show outside of a literal.
const marker = "Zq7marker"

// hostile draws texts full of what ends literals, comments and statements.
func hostile() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"'", "''", `"`, "`", `\`, `\'`, `\\'`, ";", "--", "/*", "*/", "$$", "{", "}", "%", "_", "\x00", "\n", "\r", "E'", "' OR 1=1 --", "\"; DROP TABLE x; --", "' || '", "ʼ", "\u02bc", "\ufeff", "𝕏"}),
		rapid.StringN(0, 6, 12),
	)
	return rapid.Custom(func(t *rapid.T) string {
		before, after := rapid.SliceOfN(piece, 0, 4).Draw(t, "before"), rapid.SliceOfN(piece, 0, 4).Draw(t, "after")
		s := strings.Join(before, "") + marker + strings.Join(after, "")
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "'")
		}
		return s
	})
}

// sqlOf compiles and generates.
func sqlOf(query string, tables catalog, d sqlgen.Dialect) (string, error) {
	p, err := kql.Compile(query, tables, kql.Options{Now: scriptNow, Probe: func(plan.Node) ([][]any, error) { return nil, nil }})
	if err != nil {
		return "", err
	}
	q, err := sqlgen.Generate(p.Root, d, sqlgen.Options{})
	return q.SQL, err
}

// TestTextStaysInLiterals puts hostile texts wherever a query takes text: none of it may be outside of a literal or a quoted name.
func TestTextStaysInLiterals(t *testing.T) {
	places := []string{
		"T | where S == %s", "T | where S =~ %s", "T | where S in (%s, 'x')", "T | where S in~ (%s)", "T | where S has %s", "T | where S !has_cs %s", "T | where S has_any (%s, 'y')",
		"T | where S contains %s", "T | where S startswith %s", "T | where S endswith_cs %s", "T | where S hasprefix %s", "T | where S matches regex regex_quote(%s)", "T | where S matches regex %s",
		"T | extend x = strcat(S, %s)", "T | extend x = replace_string(S, 'a', %s)", "T | extend x = replace_regex(S, %s, %s)", "T | extend x = split(S, %s)", "T | extend x = extract(%s, 0, S)",
		"T | extend x = D[%s]", "T | extend x = D.a[%s].b", "T | extend x = parse_json(%s)", "T | extend x = dynamic({'k': %s})", "T | extend x = toguid(%s)", "T | extend x = todatetime(%s)",
		"T | extend x = extractjson(%s, S)", "T | extend x = bag_pack(%s, L)", "T | extend x = format_datetime(now(), %s)", "T | extend x = trim(%s, S)", "T | extend x = countof(S, %s)",
		"datatable (a:string, b:dynamic) [%s, dynamic(null)]", "print %s", "let v = %s; T | where S == v", "T | where S between (%s .. 'z')", "T | parse S with * %s x:long *",
		"T | summarize make_set(S) by x = %s", "T | summarize countif(S == %s)", "search in (T) %s", "T | parse-kv S as (a:string) with (pair_delimiter=%s, kv_delimiter='=')",
		"T | extend x = column_ifexists(%s, 1)", "T | evaluate bag_unpack(D, %s)", "T | join kind=inner (T | where S == %s) on L",
	}
	stored := catalog{"T": {Name: "T", Columns: []kql.TableColumn{{Name: "S", Type: plan.String}, {Name: "L", Type: plan.Long}, {Name: "D", Type: plan.Dynamic}}}}
	for name, d := range injected() {
		t.Run(name, func(t *testing.T) {
			made := 0
			rapid.Check(t, func(t *rapid.T) {
				text := hostile().Draw(t, "text")
				place := rapid.SampledFrom(places).Draw(t, "place")
				sql, err := sqlOf(strings.ReplaceAll(place, "%s", quoted(text)), stored, d.dialect)
				if err != nil {
					return // refused: a pattern that is none, a form that is none
				}
				made++
				clean(t, sql, d.escapes)
			})
			if made == 0 {
				t.Error("no query was compiled")
			}
		})
	}
}

// TestNamesStayQuoted does so with the names of tables and columns, stored and given by the query.
func TestNamesStayQuoted(t *testing.T) {
	for name, d := range injected() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				table, column, own := hostile().Draw(t, "table"), hostile().Draw(t, "column"), hostile().Draw(t, "own")
				stored := catalog{table: {Name: table, Columns: []kql.TableColumn{{Name: column, Type: plan.String, Physical: own}}}}
				query := fmt.Sprintf("[%s] | extend [%s] = strcat([%s], 'x') | summarize n = count() by [%s]", quoted(table), quoted(own), quoted(column), quoted(own))
				sql, err := sqlOf(query, stored, d.dialect)
				if err != nil {
					return
				}
				clean(t, sql, d.escapes)
			})
		})
	}
}

func clean(t *rapid.T, sql string, escapes bool) {
	rest, err := outside(sql, escapes)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	if strings.Contains(strings.ToLower(rest), strings.ToLower(marker)) {
		t.Fatalf("text stands outside of literals:\n%s", sql)
	}
	for _, bad := range []string{";", "--", "/*", "\\", "\x00", "$$"} {
		if strings.Contains(rest, bad) {
			t.Fatalf("%q stands outside of literals:\n%s", bad, sql)
		}
	}
	for _, r := range rest {
		if r > 126 || r < ' ' && r != '\n' && r != '\t' {
			t.Fatalf("%q stands outside of literals:\n%s", r, sql)
		}
	}
}

// TestLiteralsDoNotShapeStatements compares the statements for two texts: without literals they are the same.
func TestLiteralsDoNotShapeStatements(t *testing.T) {
	places := []string{
		"T | where S == %s", "T | where S in (%s, 'x')", "T | extend x = strcat(S, %s)", "datatable (a:string) [%s]", "print dynamic({'k': %s})", "T | summarize count() by x = %s",
		"T | project x = replace_string(S, 'a', %s)", "T | where D.a == %s",
	}
	stored := catalog{"T": {Name: "T", Columns: []kql.TableColumn{{Name: "S", Type: plan.String}, {Name: "D", Type: plan.Dynamic}}}}
	for name, d := range injected() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				place := rapid.SampledFrom(places).Draw(t, "place")
				var rest [2]string
				for i := range rest {
					sql, err := sqlOf(strings.ReplaceAll(place, "%s", quoted(hostile().Draw(t, "text"))), stored, d.dialect)
					if err != nil {
						t.Fatal(err)
					}
					if rest[i], err = outside(sql, d.escapes); err != nil {
						t.Fatal(err)
					}
					// a NUL, which no literal can hold, is put between two literals
					for strings.Contains(rest[i], "? || chr(0) || ?") {
						rest[i] = strings.ReplaceAll(rest[i], "? || chr(0) || ?", "?")
					}
					rest[i] = strings.ReplaceAll(rest[i], "(?)", "?")
				}
				if rest[0] != rest[1] {
					t.Fatalf("two texts make two statements:\n%s\n%s", rest[0], rest[1])
				}
			})
		})
	}
}
