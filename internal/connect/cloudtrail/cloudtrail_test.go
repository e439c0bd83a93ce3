package cloudtrail_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/connect/cloudtrail"
	. "github.com/bartizan-sec/bartizan/internal/connect/connecttest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const (
	secret = "wJalrSecretOfThisTest"
	ids    = `"eventID":"([^"]+)"`
)

// store plays S3: ListObjectsV2 and GetObject in path style, for the bucket trail.
type store struct {
	*httptest.Server
	Faults
	mu    sync.Mutex
	files map[string][]byte
	reads map[string]int
}

func play(t *testing.T) *store {
	s := &store{files: map[string][]byte{}, reads: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *store) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Take(w, r) {
		return
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIATEST/") {
		Status(403, `<Error><Code>InvalidAccessKeyId</Code><Message>The AWS Access Key Id you provided does not exist in our records.</Message></Error>`)(w, r)
		return
	}
	key, ok := strings.CutPrefix(r.URL.Path, "/trail/")
	if ok && key != "" {
		data, there := s.files[key]
		if !there {
			Status(404, `<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>`)(w, r)
			return
		}
		s.reads[key]++
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data)
		return
	}
	q := r.URL.Query()
	type object struct {
		Key          string
		Size         int
		LastModified string
		ETag         string
	}
	type common struct{ Prefix string }
	out := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []object
		CommonPrefixes        []common
	}{}
	var keys []string
	for k := range s.files {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	most, _ := strconv.Atoi(q.Get("max-keys"))
	most = min(max(most, 1), 2) // small pages
	seen := map[string]bool{}
	for _, k := range keys {
		rest, ok := strings.CutPrefix(k, q.Get("prefix"))
		if !ok || k <= q.Get("continuation-token") {
			continue
		}
		if i := strings.Index(rest, "/"); q.Get("delimiter") == "/" && i >= 0 {
			p := q.Get("prefix") + rest[:i+1]
			if !seen[p] {
				seen[p] = true
				out.CommonPrefixes = append(out.CommonPrefixes, common{p})
			}
			continue
		}
		if len(out.Contents) == most {
			out.IsTruncated, out.NextContinuationToken = true, out.Contents[most-1].Key
			break
		}
		out.Contents = append(out.Contents, object{k, len(s.files[k]), time.Now().UTC().Format(time.RFC3339), `"e"`})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}

func events(names ...string) []byte {
	var list []map[string]any
	for _, n := range names {
		list = append(list, map[string]any{
			"eventVersion": "1.09", "eventID": n, "eventTime": time.Now().UTC().Format(time.RFC3339), "eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "awsRegion": "eu-central-1",
			"userIdentity": map[string]any{"type": "IAMUser", "userName": "mira"},
		})
	}
	raw, _ := json.Marshal(map[string]any{"Records": list})
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(raw)
	_ = z.Close()
	return b.Bytes()
}

func key(region string, when time.Time, name string) string {
	return "org/AWSLogs/111122223333/CloudTrail/" + region + "/" + when.UTC().Format("2006/01/02") + "/111122223333_CloudTrail_" + region + "_" + when.UTC().Format("20060102T1504Z") + "_" + name + ".json.gz"
}

func names(prefix string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%s-%04d", prefix, i))
	}
	return out
}

func TestBucket(t *testing.T) {
	s := play(t)
	h := Open(t, []connect.Kind{cloudtrail.Kind()}, nil, s.Server)
	var all []string
	put := func(region string, ago time.Duration, name string, n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		list := names(name, n)
		s.files[key(region, h.Now().Add(-ago), name)] = events(list...)
		all = append(all, list...)
	}
	for i := range 9 {
		put([]string{"eu-central-1", "us-east-1"}[i%2], time.Duration(60-6*i)*time.Hour, fmt.Sprintf("f%d", i), 3)
	}
	put("eu-central-1", 5*time.Hour, "large", 4500) // more than a batch
	s.files["org/AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2024/01/01/x.json.gz"] = events("digest")
	s.files[key("us-east-1", h.Now().Add(-200*time.Hour), "old")] = events("before-the-start")
	config := map[string]any{"bucket": "trail", "prefix": "org", "accessKey": "AKIATEST", "secretKey": secret, "endpoint": s.URL, "region": "eu-central-1"}
	h.Add("cloudtrail", h.Now().Add(-72*time.Hour), config)
	died := 0
	h.After = func() error { // its process ends after the second delivery
		if died++; died == 2 {
			return fmt.Errorf("the process ended")
		}
		return nil
	}
	h.Run()
	h.Pass(time.Hour)
	h.Runner = h.Another()
	h.Healthy()
	h.Once(ids, all)

	// A file that comes late into yesterday's folder, a repeated event, a file that is none; throttling with a time.
	put("eu-central-1", 20*time.Hour, "late", 2)
	s.files[key("eu-central-1", h.Now(), "again")] = events("f0-0000"[:4]+"0000", all[len(all)-1])
	all = append(all, "f0-00000"[:4]+"0000")
	broken := key("eu-central-1", h.Now(), "broken")
	s.files[broken] = events("whole-1")[:40]
	s.reads = map[string]int{}
	slow := Status(503, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`, "Retry-After", "90")
	s.Add(slow, slow, slow)
	h.Pass(10 * time.Minute)
	c := h.Run()
	if wait := c.NextRun.Sub(h.Now()); c.LastError == nil || c.LastError.Code != string(fault.Busy) || wait < 89*time.Second || wait > 95*time.Second {
		t.Fatalf("waits %s: %+v", wait, c.LastError)
	}
	h.Pass(2 * time.Minute)
	h.Healthy()
	h.Once(ids, slices.Compact(slices.Sorted(slices.Values(all))))
	if len(h.Kept(`"file":"([^"]*broken[^"]*)"`)) != 1 {
		t.Error("a file that cannot be read is not among what is refused")
	}
	h.Pass(10 * time.Minute)
	h.Healthy()
	for k, n := range s.reads {
		if n != 1 {
			t.Errorf("%s was read %d times", k, n)
		}
	}
	s.Add(Status(403, `<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`))
	h.Pass(time.Hour)
	if c := h.Run(); c.LastError.Code != string(fault.Permission) || !strings.Contains(c.LastError.Message, "s3:ListBucket") {
		t.Errorf("%+v", c.LastError)
	}
	config["accessKey"] = "AKIAOTHER"
	tested, err := h.Service.Test(t.Context(), "cloudtrail", config)
	if err != nil || tested.OK || !strings.Contains(tested.Message, "access key") {
		t.Errorf("%+v, %v", tested, err)
	}
	h.Hidden(secret)
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	h := Open(t, []connect.Kind{cloudtrail.Kind()}, []string{dir})
	write := func(name string, data []byte) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a/1.json.gz", events("one", "two"))
	write("a/2.json", []byte(`{"Records":[{"eventID":"three","eventName":"X"},{"eventID":"four","eventName":"X"}]}`))
	outside := filepath.Join(t.TempDir(), "other.json")
	if err := os.WriteFile(outside, []byte(`{"Records":[{"eventID":"outside"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "a", "link.json")); err != nil {
		t.Fatal(err)
	}
	h.Add("cloudtrail", h.Now().Add(-time.Hour), map[string]any{"bucket": "file://" + filepath.ToSlash(dir)})
	h.Healthy()
	h.Once(ids, []string{"one", "two", "three", "four"})
	write("a/3.json.gz", events("five"))
	write("a/4.json", []byte(`{"Records":[{"eventID":"huge","x":"`+strings.Repeat("x", 17<<20)+`"}]}`))
	h.Pass(10 * time.Minute)
	h.Healthy()
	h.Once(ids, []string{"one", "two", "three", "four", "five"})
	if got := h.Kept(`"unreadable":"([^"]*)"`); len(got) != 1 || got["a record of it is larger than a record may be"] != 1 {
		t.Errorf("a huge record: %v", got)
	}
	for _, bad := range []string{"file:///etc", "file://" + filepath.ToSlash(filepath.Dir(dir)), "file://" + filepath.ToSlash(dir) + "/../.."} {
		if _, err := h.Service.Test(t.Context(), "cloudtrail", map[string]any{"bucket": bad}); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s may be read: %v", bad, err)
		}
	}
}
