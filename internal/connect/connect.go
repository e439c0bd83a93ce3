// Package connect pulls records out of services that do not push: Microsoft Graph, the Office 365 Management Activity API, CloudTrail in S3, Okta, Google
// Workspace, GitHub. A Kind knows one service; the Service keeps a tenant's connectors, and the Runner pulls when it is time.
//
// A record goes from its source into the lake once. The way there:
//
//  1. A Puller fetches a page after a cursor. It may repeat records: windows overlap so that late ones are found, services send pages twice.
//  2. What was delivered before is left out by its id (table connector_seen, for as long as the puller says that it may come again).
//  3. The batch, its ids and the cursor after it are written down as the connector's outbox, with the position of the bus.
//  4. ingest.Receiver keeps the batch. Its messages carry the batch's name, so that the bus drops a repetition.
//  5. Ids and cursor become valid and the outbox is emptied, in one transaction.
//
// Whoever finds an outbox, after a crash between 3 and 5, looks on the bus which messages of the batch are there, sends the others, and goes on with 5. One
// process at a time works on a connector: it holds a lease that it has to renew, and every change of the connector is made under that lease. A process that was
// killed is succeeded when its lease ends (LeaseTime).
package connect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// FieldType says how a field is asked for.
type FieldType string

// The types of fields. Several values of a text field are separated by commas.
const (
	Text    FieldType = "text"
	Secret  FieldType = "secret"
	Select  FieldType = "select"
	Boolean FieldType = "boolean"
	Number  FieldType = "number"
)

// Field is one thing that a connector has to know.
type Field struct {
	Name     string    `json:"name"`
	Label    string    `json:"label"`
	Type     FieldType `json:"type" enum:"text,secret,select,boolean,number"`
	Required bool      `json:"required"`
	Default  string    `json:"default,omitempty"`
	Help     string    `json:"help,omitempty"`
	Options  []string  `json:"options,omitempty"`
	// Destination marks fields that say where credentials are sent: who changes one has to give the secrets again.
	Destination bool `json:"-"`
	// Most and Least bound numbers; both 0 for none.
	Least, Most int `json:"-"`
}

// Kind is a service that can be pulled from.
type Kind struct {
	Name        string // "okta"
	Label       string
	Family      string // of its records
	Description string
	Steps       string // Markdown: how to get the credentials
	Fields      []Field
	Interval    time.Duration // between runs, unless the connector says otherwise
	// Open makes a puller. Values were checked against the fields before; Open checks how they fit together.
	Open func(v Values, env Env) (Puller, error)
}

// Env is what pullers may use of the house.
type Env struct {
	HTTP    *http.Client // guarded: never to private addresses unless the operator allows it
	Now     func() time.Time
	Folders []string // folders of this machine that may be read
}

// Puller pulls from one service with one set of credentials. It belongs to one goroutine.
type Puller interface {
	// Streams lists what is pulled, each with a cursor of its own. The failure of one does not keep the others waiting.
	Streams() []string
	// Next fetches what follows a place. Errors say what to do: see Error.
	Next(ctx context.Context, at At) (Page, error)
	// Test tries every stream with the smallest request that shows whether it works.
	Test(ctx context.Context) []Check
	// Close ends the use of the puller.
	Close() error
}

// At is a place in a stream.
type At struct {
	Stream string
	Cursor json.RawMessage // of the last page; empty at first
	Since  time.Time       // where to begin without a cursor
	// Known tells which ids without a record (files, blobs) were met and are still remembered.
	Known func(ctx context.Context, ids []string) (map[string]bool, error)
}

// Page is what Next fetched.
type Page struct {
	Source  string // family of the records; "" for the kind's
	Records []Record
	Cursor  json.RawMessage // after the records
	More    bool            // there is more to fetch right away
	// Mark is the time up to which everything is there, as far as one can know.
	Mark time.Time
	// Forget says that ids of records from before it need not be remembered; zero: remember all.
	Forget time.Time
	// Trouble says that something was left out, to be asked for again later, and why. The page is taken; the run counts as failed.
	Trouble error
}

// Record is one record of a service.
type Record struct {
	ID   string // unique within the stream, and the same whenever the record is fetched
	Time time.Time
	Data []byte // one JSON value on one line; nil for an id that is only to be remembered
}

// Check is the outcome of testing one thing.
type Check struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// Error is why a service did not give records.
type Error struct {
	Code    fault.Code // unauthorized: credentials; permission: they do not suffice; invalid: the settings; busy: later; unavailable: the service or the way to it
	Message string
	After   time.Time // not before this time, when the service says so
	Status  int       // that the service answered with, when it refused
	Broken  bool      // the service answered, and the answer is of no use
	Err     error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func failure(code fault.Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Failure makes an Error; a %w operand becomes its cause.
func Failure(code fault.Code, format string, args ...any) *Error {
	return failure(code, format, args...)
}

// Values are a connector's fields by name, those left out at their defaults.
type Values map[string]string

// List returns the parts of a field with commas.
func (v Values) List(name string) []string {
	return strings.FieldsFunc(v[name], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}

// Int returns a number field.
func (v Values) Int(name string) int {
	n, _ := strconv.Atoi(v[name])
	return n
}

// Bool returns a boolean field.
func (v Values) Bool(name string) bool { return v[name] == "true" }

func (k *Kind) field(name string) (Field, bool) {
	for _, f := range k.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

const (
	maxText   = 4 << 10
	maxSecret = 64 << 10
)

// check refuses values that a field cannot have.
func (f *Field) check(value string) error {
	bad := func(format string, args ...any) error {
		return fault.Newf(fault.Invalid, f.Label+": "+format, args...).On("config." + f.Name)
	}
	limit := maxText
	if f.Type == Secret {
		limit = maxSecret
	}
	if len(value) > limit {
		return bad("at most %d bytes", limit)
	}
	if strings.ContainsRune(value, 0) || f.Type != Secret && strings.ContainsAny(value, "\r\n") {
		return bad("it has line breaks or control characters")
	}
	if value == "" {
		if f.Required {
			return bad("it is required")
		}
		return nil
	}
	switch f.Type {
	case Boolean:
		if value != "true" && value != "false" {
			return bad("true or false")
		}
	case Number:
		n, err := strconv.Atoi(value)
		if err != nil || f.Most != 0 && (n < f.Least || n > f.Most) {
			return bad("a whole number from %d to %d", f.Least, f.Most)
		}
	case Select:
		for _, o := range f.Options {
			if value == o {
				return nil
			}
		}
		return bad("one of %s", strings.Join(f.Options, ", "))
	}
	return nil
}

// BaseURL checks an address that a person gave and returns it without a slash at its end.
func BaseURL(text, field string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fault.Newf(fault.Invalid, "%q is not an address such as https://acme.example", text).On("config." + field)
	}
	return u.String(), nil
}

// ContentID names a record that has no id of its own by its content.
func ContentID(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:16])
}

// Checked is the Check of one thing that was tried.
func Checked(name string, err error) Check {
	if err != nil {
		return Check{Name: name, Message: err.Error()}
	}
	return Check{Name: name, OK: true, Message: "can be read"}
}
