package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/ergochat/readline"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

const shellHelp = `Write a query; an empty line, or a ; at its end, runs it. Tab completes, Ctrl+C stops the running query or drops what was written, Ctrl+D ends.

  .tables [TEXT]      the tables, those with rows first
  .schema TABLE       the columns of a table
  .format FORMAT      table, json, csv or ndjson
  .timespan SPAN      bound event time where a query does not: P7D, START/END; none without SPAN
  .explain            how the last query runs
  .save NAME          keep the last query, shared with the tenant's people where the data folder is opened directly
  .help               this text
  .quit               end
`

// lineSource gives the shell its lines. errInterrupted says that what was written so far is to be dropped, io.EOF ends the shell.
type lineSource interface {
	line(prompt string) (string, error)
	remember(query string)
	Close() error
}

var errInterrupted = errors.New("interrupted")

// shell reads and answers queries one after another.
type shell struct {
	flags   *huntFlags
	target  huntTarget
	out     io.Writer
	errs    io.Writer
	colours bool
	words   *completer
	last    string
}

// defaultHistory is where the shell keeps what was written.
func defaultHistory() string {
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "bartizan", "hunt_history")
}

func runShell(ctx context.Context, f *huntFlags, target huntTarget, in io.Reader, out, errs io.Writer) error {
	tables, err := target.tables(ctx)
	if err != nil {
		return err
	}
	s := &shell{flags: f, target: target, out: out, errs: errs, words: newCompleter(tables)}
	var lines lineSource
	if isTerminal(in) {
		s.colours = os.Getenv("NO_COLOR") == ""
		screen := os.Stdout
		if !isTerminal(out) {
			screen = os.Stderr // results go elsewhere
		}
		if lines, err = newTerminal(f.history, s.words, screen); err != nil {
			return err
		}
		fmt.Fprintln(screen, "Hunting shell. An empty line runs a query; .help says more.")
	} else {
		lines = &plainLines{bufio.NewScanner(in)}
	}
	defer lines.Close()
	return s.loop(ctx, lines)
}

func (s *shell) loop(ctx context.Context, lines lineSource) error {
	var written strings.Builder
	for {
		prompt := "kql> "
		if written.Len() > 0 {
			prompt = "...> "
		}
		line, err := lines.line(prompt)
		switch {
		case errors.Is(err, errInterrupted):
			written.Reset()
			s.words.before = ""
			continue
		case errors.Is(err, io.EOF):
			return s.run(ctx, written.String(), lines)
		case err != nil:
			return err
		}
		if written.Len() == 0 && strings.HasPrefix(strings.TrimSpace(line), ".") {
			if s.command(ctx, strings.Fields(line)) {
				return nil
			}
			continue
		}
		if strings.TrimSpace(line) != "" {
			written.WriteString(line + "\n")
			s.words.before = written.String()
			if !complete(written.String()) {
				continue
			}
		}
		query := written.String()
		written.Reset()
		s.words.before = ""
		if err := s.run(ctx, query, lines); err != nil {
			return err
		}
	}
}

// complete says whether a text ends with a semicolon behind a query; one behind a let statement ends nothing.
func complete(text string) bool {
	text = strings.TrimSpace(text)
	if !strings.HasSuffix(text, ";") {
		return false
	}
	q, diags := syntax.Parse(text)
	if len(diags) > 0 {
		return true // to be told so
	}
	if len(q.Statements) == 0 {
		return false
	}
	_, ok := q.Statements[len(q.Statements)-1].(*syntax.ExprStatement)
	return ok
}

// run answers a query. A query that fails does not end the shell; it returns an error when the shell itself cannot go on.
func (s *shell) run(ctx context.Context, query string, lines lineSource) error {
	query = strings.TrimSpace(query)
	if query == "" {
		return nil
	}
	s.last = query
	lines.remember(query)
	err := s.interruptible(ctx, func(ctx context.Context) error {
		_, err := s.flags.print(ctx, s.out, s.target, s.request(query))
		return err
	})
	if err != nil {
		s.complain(query, err)
	}
	return nil
}

func (s *shell) request(query string) huntRequest {
	limit := s.flags.limit
	if limit == 0 {
		limit = -1
	}
	return huntRequest{query: query, now: s.flags.now, timespan: s.flags.timespan, timeout: s.flags.timeout, limit: limit}
}

// interruptible runs fn until it ends or somebody presses Ctrl+C. The program's own context ends with the first Ctrl+C; the shell goes on.
func (s *shell) interruptible(ctx context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	pressed := make(chan os.Signal, 1)
	signal.Notify(pressed, os.Interrupt)
	defer signal.Stop(pressed)
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-pressed:
			cancel()
		case <-done:
		}
	}()
	err := fn(ctx)
	if err != nil && ctx.Err() != nil {
		return fault.Newf(lake.CodeCancelled, "the query was cancelled")
	}
	return err
}

// complain shows an error with the place that it is about.
func (s *shell) complain(query string, err error) {
	red, bold, off := "", "", ""
	if s.colours {
		red, bold, off = "\x1b[31m", "\x1b[1m", "\x1b[0m"
	}
	var e *fault.Error
	if !errors.As(err, &e) {
		fmt.Fprintf(s.errs, "%serror:%s %s\n", red, off, plainText(err.Error()))
		return
	}
	line, column := number(e.Details["line"]), number(e.Details["column"])
	if text := strings.Split(query, "\n"); line >= 1 && line <= len(text) {
		shown := plainText(text[line-1])
		fmt.Fprintf(s.errs, "%s%s%s\n", bold, shown, off)
		at := min(max(column-1, 0), utf8.RuneCountInString(shown))
		fmt.Fprintf(s.errs, "%s%s^%s\n", strings.Repeat(" ", at), red, off)
	}
	fmt.Fprintf(s.errs, "%serror:%s %s (%s)\n", red, off, plainText(e.Message), e.Code)
	if hint, ok := e.Details["hint"].(string); ok && hint != "" {
		fmt.Fprintf(s.errs, "hint: %s\n", plainText(hint))
	}
}

// number reads a count from an error's details, which may have come as JSON.
func number(v any) int {
	switch n := v.(type) {
	case int:
		return n
	case float64:
		return int(n)
	}
	return 0
}

// plainText keeps control characters, which a terminal would obey, out of a line.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// command obeys a line that starts with a dot, and says whether it ends the shell.
func (s *shell) command(ctx context.Context, words []string) (end bool) {
	rest := strings.Join(words[1:], " ")
	var err error
	switch words[0] {
	case ".quit", ".exit":
		return true
	case ".help":
		_, err = io.WriteString(s.out, shellHelp)
	case ".tables":
		err = s.tables(rest)
	case ".schema":
		err = s.schema(rest)
	case ".format":
		switch rest {
		case "table", "json", "csv", "ndjson":
			s.flags.format = rest
		default:
			err = usageError{fmt.Errorf("a format is table, json, csv or ndjson, not %q", rest)}
		}
	case ".timespan":
		if _, _, err = lake.ParseTimespan(rest, time.Now()); err == nil {
			s.flags.timespan = rest
		}
	case ".explain":
		if s.last == "" {
			err = usageError{errors.New("there is no query yet")}
			break
		}
		err = s.interruptible(ctx, func(ctx context.Context) error {
			x, err := s.target.explain(ctx, s.request(s.last))
			if err != nil {
				return err
			}
			return printExplanation(s.out, x)
		})
	case ".save":
		switch {
		case rest == "":
			err = usageError{errors.New("give a name: .save NAME")}
		case s.last == "":
			err = usageError{errors.New("there is no query yet")}
		default:
			if err = s.interruptible(ctx, func(ctx context.Context) error { return s.target.save(ctx, rest, s.last) }); err == nil {
				fmt.Fprintf(s.out, "saved as %s\n", plainText(rest))
			}
		}
	default:
		err = usageError{fmt.Errorf("there is no command %s; .help lists them", plainText(words[0]))}
	}
	if err != nil {
		s.complain(s.last, err)
	}
	return false
}

func (s *shell) tables(pattern string) error {
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, filled := range []bool{true, false} {
		for _, t := range s.words.tables {
			if (t.Rows > 0) == filled && strings.Contains(strings.ToLower(t.Name), strings.ToLower(pattern)) {
				fmt.Fprintf(w, "%s\t%d rows\t%s\n", plainCell(t.Name), t.Rows, plainCell(t.Summary))
			}
		}
	}
	return w.Flush()
}

func (s *shell) schema(name string) error {
	for _, t := range s.words.tables {
		if t.Name != name {
			continue
		}
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
		for _, c := range t.Columns {
			fmt.Fprintf(w, "%s\t%s\n", plainCell(c.Name), c.Type)
		}
		return w.Flush()
	}
	return fault.Newf("name", "there is no table %q", name)
}

// plainLines reads lines where there is no terminal.
type plainLines struct{ in *bufio.Scanner }

func (p *plainLines) line(string) (string, error) {
	if p.in.Scan() {
		return p.in.Text(), nil
	}
	if err := p.in.Err(); err != nil {
		return "", err
	}
	return "", io.EOF
}

func (p *plainLines) remember(string) {}

// Close implements lineSource.
func (p *plainLines) Close() error { return nil }

// terminal reads lines with editing, history and completion.
type terminal struct{ editor *readline.Instance }

func newTerminal(history string, words *completer, screen *os.File) (*terminal, error) {
	if history != "" {
		if err := os.MkdirAll(filepath.Dir(history), 0o700); err != nil {
			history = "" // a shell without history is better than none
		}
	}
	e, err := readline.NewFromConfig(&readline.Config{
		HistoryFile: history, HistoryLimit: 2000, HistorySearchFold: true, DisableAutoSaveHistory: true, AutoComplete: words, Stdout: screen, Undo: true, InterruptPrompt: "^C", EOFPrompt: ".quit",
	})
	if err != nil {
		return nil, err
	}
	if history != "" {
		_ = os.Chmod(history, 0o600) // queries name people
	}
	return &terminal{e}, nil
}

func (t *terminal) line(prompt string) (string, error) {
	t.editor.SetPrompt(prompt)
	line, err := t.editor.ReadLine()
	if errors.Is(err, readline.ErrInterrupt) {
		return "", errInterrupted
	}
	return line, err
}

// remember keeps a query in the history as one line, so that one key brings it back.
func (t *terminal) remember(query string) {
	if strings.Contains(query, "//") {
		for _, line := range strings.Split(query, "\n") {
			_ = t.editor.SaveToHistory(line) // a comment would swallow what follows it
		}
		return
	}
	_ = t.editor.SaveToHistory(strings.ReplaceAll(query, "\n", " "))
}

// Close implements lineSource.
func (t *terminal) Close() error { return t.editor.Close() }
