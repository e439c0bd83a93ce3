// Package fault is the one error type that reaches users: a code from a short closed list, a message that says what happened and what to do,
// and an optional target. The command line prints it as "bartizan: WHAT: WHY (code)"; the API maps the code to an HTTP status in one table.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Code says what kind of failure it is. Codes are part of the API and never change meaning.
type Code string

// The codes. Query languages add their own (syntax, name, type, unsupported, limit, outbound, runtime, cancelled), see kql.
const (
	Invalid      Code = "invalid"      // the request is malformed or breaks a rule
	Unauthorized Code = "unauthorized" // nobody is signed in
	Permission   Code = "permission"   // signed in, but may not
	NotFound     Code = "not_found"    // no such thing, or it may not be seen
	Conflict     Code = "conflict"     // the thing changed, exists already, or is in a state that forbids this
	Held         Code = "held"         // another process holds the data folder
	TooLarge     Code = "too_large"    // over a size limit
	Busy         Code = "busy"         // try again later; over a rate or concurrency limit
	Unavailable  Code = "unavailable"  // a store or the bus is not ready
	Limit        Code = "limit"        // a query limit was reached
	Internal     Code = "internal"     // a defect of ours
)

// Error is a failure with a code for programs and a message for people.
type Error struct {
	Code    Code
	Message string
	Target  string         // the field or thing that is wrong, if one is
	Details map[string]any // more facts for programs, if any
	Err     error          // the cause, never shown to users
}

func (e *Error) Error() string {
	// The message of Newf has the cause in it already.
	if e.Err != nil && !strings.Contains(e.Message, e.Err.Error()) {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Newf makes an Error; a %w operand becomes its cause.
func Newf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// On returns a copy of e that names the field or thing that is wrong.
func (e *Error) On(target string) *Error {
	c := *e
	c.Target = target
	return &c
}

// CodeOf returns the code of the first Error in err's chain, Internal for any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Status is the HTTP status of a code.
func Status(c Code) int {
	switch c {
	case Invalid:
		return http.StatusBadRequest
	case Unauthorized:
		return http.StatusUnauthorized
	case Permission:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Conflict, Held:
		return http.StatusConflict
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case Busy:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	case Limit, "syntax", "name", "type", "unsupported", "outbound", "runtime", "cancelled":
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}
