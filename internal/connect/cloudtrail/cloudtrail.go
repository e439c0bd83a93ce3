// Package cloudtrail reads the files that AWS CloudTrail writes into an S3 bucket, any bucket that speaks S3, or a folder to which they were copied.
//
// CloudTrail lays files out by account, region and day: PREFIX/AWSLogs/[ORGANISATION/]ACCOUNT/CloudTrail/REGION/YEAR/MONTH/DAY/FILE.json.gz. A pass lists the days
// from the last one on (less an overlap, for files that come late), region by region, and reads the files whose names it has not met. Where there is no AWSLogs,
// everything below the prefix is listed. Files are read piece by piece, so a large one does not have to fit into one batch.
package cloudtrail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const stream = "files"

const steps = `1. Have CloudTrail write a trail to an S3 bucket (all regions; for an organisation, an organisation trail).
2. Make an IAM user for this purpose with this policy and nothing else, and an access key for it:

       {"Version": "2012-10-17", "Statement": [
         {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::BUCKET"},
         {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::BUCKET/PREFIX/AWSLogs/*"}]}

   When files are encrypted by a key of yours, also **kms:Decrypt** on that key.
3. Give the bucket's name, its region, and the access key here.

For a store that speaks S3 (MinIO, Ceph, …) give its address as well. For files in a folder of this machine give file:///PATH as the bucket; the operator has to list the folder
in the setting connect.folders.`

// Kind describes the connector.
func Kind() connect.Kind {
	return connect.Kind{
		Name: "cloudtrail", Label: "AWS CloudTrail in S3", Family: "cloudtrail", Interval: 5 * time.Minute,
		Description: "What people, roles and services did by the AWS API: management events, and data events where the trail has them.",
		Steps:       steps,
		Fields: []connect.Field{
			{Name: "bucket", Label: "Bucket", Type: connect.Text, Required: true, Help: "name, or file:///PATH"},
			{Name: "region", Label: "Region", Type: connect.Text, Default: "us-east-1"},
			{Name: "prefix", Label: "Prefix", Type: connect.Text, Help: "of the trail; empty when AWSLogs is at the top of the bucket"},
			{Name: "accessKey", Label: "Access key ID", Type: connect.Text},
			{Name: "secretKey", Label: "Secret access key", Type: connect.Secret},
			{Name: "sessionToken", Label: "Session token", Type: connect.Secret, Help: "of temporary credentials only"},
			{Name: "endpoint", Label: "Address of the store", Type: connect.Text, Help: "of another store than AWS", Destination: true},
			{Name: "accounts", Label: "Accounts", Type: connect.Text, Help: "separated by commas; empty: all"},
			{Name: "regions", Label: "Regions of events", Type: connect.Text, Help: "separated by commas; empty: all"},
			{Name: "overlap", Label: "Look back", Type: connect.Number, Default: "24", Help: "hours whose folders are listed again each time, for files that come late", Least: 1, Most: 168},
		},
		Open: open,
	}
}

type puller struct {
	bucket   *blob.Bucket
	prefix   string
	accounts map[string]bool
	regions  map[string]bool
	overlap  time.Duration
	now      func() time.Time
	where    string
	root     string // folder of this machine; "" for a store
}

func open(v connect.Values, env connect.Env) (connect.Puller, error) {
	p := &puller{
		prefix: v["prefix"], accounts: set(v.List("accounts")), regions: set(v.List("regions")), overlap: time.Duration(v.Int("overlap")) * time.Hour, now: env.Now, where: v["bucket"],
	}
	if p.prefix != "" && !strings.HasSuffix(p.prefix, "/") {
		p.prefix += "/"
	}
	var err error
	if strings.HasPrefix(v["bucket"], "file://") {
		p.bucket, p.root, err = openFolder(v["bucket"], env.Folders)
	} else {
		p.bucket, err = openS3(v, env)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func set(names []string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

// place is how far the pass came.
type place struct {
	Mark   time.Time `json:"mark"`             // newest change of a file that was met
	Roots  []string  `json:"roots,omitempty"`  // folders above the years, still to be listed in this pass; the first is in work
	Flat   bool      `json:"flat,omitempty"`   // roots are listed as a whole
	Day    time.Time `json:"day"`              // in work
	Token  []byte    `json:"token,omitempty"`  // part of the day's list
	Object string    `json:"object,omitempty"` // file in work
	Read   int       `json:"read,omitempty"`   // records of it that were delivered
	Met    time.Time `json:"met"`              // newest change in this pass
}

const (
	pageKeys     = 200      // of a list
	pageRecords  = 2000     // of a batch
	pageBytes    = 8 << 20  // of a batch
	maxFile      = 1 << 30  // after decompression
	maxValue     = 16 << 20 // of a record
	maxListRoots = 20_000
)

// Streams implements connect.Puller.
func (p *puller) Streams() []string { return []string{stream} }

// Next implements connect.Puller.
func (p *puller) Next(ctx context.Context, at connect.At) (connect.Page, error) {
	var w place
	if len(at.Cursor) > 0 {
		if err := json.Unmarshal(at.Cursor, &w); err != nil {
			return connect.Page{}, connect.Failure(fault.Internal, "the cursor is damaged; reset it")
		}
	}
	if w.Mark.IsZero() {
		w.Mark = at.Since.Add(p.overlap)
	}
	if len(w.Roots) == 0 {
		return p.begin(ctx, w)
	}
	return p.read(ctx, at, w)
}

func (p *puller) first(w place) time.Time {
	return w.Mark.Add(-p.overlap).UTC().Truncate(24 * time.Hour)
}

func (p *puller) page(w place, records []connect.Record, more bool) (connect.Page, error) {
	raw, err := json.Marshal(w)
	page := connect.Page{Records: records, Cursor: raw, More: more, Mark: w.Mark}
	if !w.Flat {
		page.Forget = p.first(w)
	}
	return page, err
}

// begin finds the folders of accounts and regions.
func (p *puller) begin(ctx context.Context, w place) (connect.Page, error) {
	roots, flat, err := p.roots(ctx)
	if err != nil {
		return connect.Page{}, err
	}
	w.Roots, w.Flat, w.Day, w.Met = roots, flat, p.first(w), time.Time{}
	if len(roots) == 0 { // nothing was written yet
		return p.page(w, nil, false)
	}
	return p.page(w, nil, true)
}

var accountShape = regexp.MustCompile(`^[0-9]{12}$`)

func (p *puller) roots(ctx context.Context) (roots []string, flat bool, err error) {
	top, err := p.folders(ctx, p.prefix+"AWSLogs/")
	if err != nil {
		return nil, false, err
	}
	if len(top) == 0 {
		return []string{p.prefix}, true, nil
	}
	var accounts []string
	for _, f := range top {
		if accountShape.MatchString(path.Base(f)) {
			accounts = append(accounts, f)
			continue
		}
		below, err := p.folders(ctx, f) // an organisation
		if err != nil {
			return nil, false, err
		}
		for _, g := range below {
			if accountShape.MatchString(path.Base(g)) {
				accounts = append(accounts, g)
			}
		}
	}
	for _, f := range accounts {
		if len(p.accounts) > 0 && !p.accounts[path.Base(f)] {
			continue
		}
		regions, err := p.folders(ctx, f+"CloudTrail/")
		if err != nil {
			return nil, false, err
		}
		for _, g := range regions {
			if len(p.regions) == 0 || p.regions[path.Base(g)] {
				roots = append(roots, g)
			}
		}
		if len(roots) > maxListRoots {
			return nil, false, connect.Failure(fault.Limit, "the bucket has more than %d folders of accounts and regions; name those to read", maxListRoots)
		}
	}
	return roots, false, nil
}

// folders lists the folders right below a prefix.
func (p *puller) folders(ctx context.Context, prefix string) ([]string, error) {
	var out []string
	it := p.bucket.List(&blob.ListOptions{Prefix: prefix, Delimiter: "/"})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, p.trouble(err, "s3:ListBucket")
		}
		if o.IsDir {
			out = append(out, o.Key)
		}
	}
}

func (w *place) listing() string {
	if w.Flat {
		return w.Roots[0]
	}
	return w.Roots[0] + w.Day.Format("2006/01/02/")
}

// read takes records of the files of one part of a list that are new.
func (p *puller) read(ctx context.Context, at connect.At, w place) (connect.Page, error) {
	token := w.Token
	if len(token) == 0 {
		token = blob.FirstPageToken
	}
	objects, next, err := p.bucket.ListPage(ctx, token, pageKeys, &blob.ListOptions{Prefix: w.listing()})
	if err != nil {
		return connect.Page{}, p.trouble(err, "s3:ListBucket")
	}
	ids := make([]string, 0, len(objects))
	for _, o := range objects {
		ids = append(ids, "file "+o.Key)
	}
	known, err := at.Known(ctx, ids)
	if err != nil {
		return connect.Page{}, err
	}
	var records []connect.Record
	size := 0
	for _, o := range objects {
		if o.IsDir || known["file "+o.Key] || !readable(o.Key) {
			continue
		}
		if o.Key != w.Object {
			w.Object, w.Read = o.Key, 0
		}
		got, whole, err := p.file(ctx, o.Key, w.Read, pageRecords-len(records), pageBytes-size)
		if err != nil {
			return connect.Page{}, err
		}
		for i := range got {
			if got[i].Time.Before(w.Day) {
				got[i].Time = w.Day // its id is kept as long as the file may be listed
			}
			size += len(got[i].Data)
		}
		records = append(records, got...)
		w.Read += len(got)
		if !whole {
			return p.page(w, records, true)
		}
		records = append(records, connect.Record{ID: "file " + o.Key, Time: w.Day})
		w.Object, w.Read = "", 0
		if o.ModTime.After(w.Met) {
			w.Met = o.ModTime
		}
		if len(records) >= pageRecords || size >= pageBytes {
			return p.page(w, records, true)
		}
	}
	return p.next(w, records, next)
}

// next goes on with the following part, day or folder.
func (p *puller) next(w place, records []connect.Record, token []byte) (connect.Page, error) {
	if w.Token = token; len(token) > 0 {
		return p.page(w, records, true)
	}
	w.Token = nil
	if day := w.Day.AddDate(0, 0, 1); !w.Flat && !day.After(p.now().AddDate(0, 0, 1)) { // one more: our clock may be behind
		w.Day = day
		return p.page(w, records, true)
	}
	w.Day = p.first(w)
	if w.Roots = w.Roots[1:]; len(w.Roots) > 0 {
		return p.page(w, records, true)
	}
	if now := p.now(); w.Met.After(now) {
		w.Met = now
	}
	forget := p.first(w)
	if w.Met.After(w.Mark) {
		w.Mark = w.Met.UTC()
	}
	page, err := p.page(w, records, false)
	if !w.Flat {
		page.Forget = forget
	}
	return page, err
}

func readable(key string) bool {
	base := path.Base(key)
	return strings.HasSuffix(base, ".json.gz") || strings.HasSuffix(base, ".json") || strings.HasSuffix(base, ".jsonl")
}

// trouble says why the bucket gave nothing.
func (p *puller) trouble(err error, needs string) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if e := refusal(err); e != nil {
		return e
	}
	switch gcerrors.Code(err) {
	case gcerrors.PermissionDenied:
		return connect.Failure(fault.Permission, "the permission is missing: %s on %s", needs, p.where)
	case gcerrors.NotFound:
		return connect.Failure(fault.Invalid, "%s is not there: check the bucket's name and region", p.where)
	}
	return throttled(p.now, connect.Failure(fault.Unavailable, "%s cannot be read: %s", p.where, firstLine(err)), err)
}

func firstLine(err error) string {
	text := fmt.Sprint(err)
	if i := strings.LastIndex(text, "api error "); i >= 0 {
		text = text[i+len("api error "):]
	}
	text, _, _ = strings.Cut(text, "\n")
	return text[:min(len(text), 300)]
}

// Test implements connect.Puller.
func (p *puller) Test(ctx context.Context) []connect.Check {
	objects, _, err := p.bucket.ListPage(ctx, blob.FirstPageToken, 20, &blob.ListOptions{Prefix: p.prefix})
	if err != nil {
		return []connect.Check{connect.Checked("list files", p.trouble(err, "s3:ListBucket"))}
	}
	out := []connect.Check{{Name: "list files", OK: true, Message: "can be read"}}
	if len(objects) == 0 {
		out[0].Message = "the bucket can be listed, and there is nothing below the prefix yet"
	}
	for _, o := range objects {
		if readable(o.Key) {
			_, _, err := p.file(ctx, o.Key, 0, 1, pageBytes)
			return append(out, connect.Checked("read a file", err))
		}
	}
	return out
}

// Close implements connect.Puller.
func (p *puller) Close() error { return p.bucket.Close() }
