package api

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Paging are the parameters that all lists share.
type Paging struct {
	Top  int `query:"$top" default:"50" minimum:"1" maximum:"1000" doc:"how many items to return"`
	Skip int `query:"$skip" minimum:"0" maximum:"10000000" doc:"how many items to leave out before them"`
}

// Listing adds what lists that can be searched and sorted take.
type Listing struct {
	Paging
	Count   bool   `query:"$count" doc:"count all items, over all pages"`
	Search  string `query:"search" maxLength:"200" doc:"id, or part of a name or title"`
	OrderBy string `query:"orderby" maxLength:"60" doc:"field:asc or field:desc"`
}

// Page is one page of a list.
type Page[T any] struct {
	Value    []T    `json:"value" nullable:"false"`
	Count    *int64 `json:"count,omitempty" doc:"how many there are over all pages"`
	NextLink string `json:"nextLink,omitempty" doc:"path of the next page"`
}

type pageOutput[T any] struct{ Body Page[T] }

// output wraps the body of an answer.
type output[T any] struct{ Body T }

func answer[T any](v T) *output[T] { return &output[T]{Body: v} }

// nothing is an answer without a body.
type nothing struct{}

// pageOf makes a page of at most p.Top items out of those that were read, one more than that where possible, which tells whether another page follows. count
// is the total, or negative when it is not known.
func pageOf[T any](items []T, count int64, p Paging, next *url.URL) *pageOutput[T] {
	out := &pageOutput[T]{}
	more := len(items) > p.Top || count > int64(p.Skip+len(items))
	if len(items) > p.Top {
		items = items[:p.Top]
	}
	if items == nil {
		items = []T{}
	}
	out.Body.Value = items
	if count >= 0 {
		out.Body.Count = &count
	}
	if more && next != nil {
		q := next.Query()
		q.Set("$skip", strconv.Itoa(p.Skip+p.Top))
		q.Set("$top", strconv.Itoa(p.Top))
		out.Body.NextLink = next.Path + "?" + q.Encode()
	}
	return out
}

// slice cuts a page out of a list that is in memory as a whole.
func slice[T any](all []T, p Paging, next *url.URL) *pageOutput[T] {
	n := int64(len(all))
	from := min(p.Skip, len(all))
	return pageOf(all[from:min(from+p.Top, len(all))], n, p, next)
}

type urlKey struct{}

// requestURL returns the path and query of the request, for links to the next page.
func requestURL(ctx context.Context) *url.URL {
	u, _ := ctx.Value(urlKey{}).(*url.URL)
	return u
}

// moment returns a time for JSON, nil when it is not set.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
