package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bartizan-sec/bartizan/internal/platform/blob"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

func TestObjects(t *testing.T) {
	ctx := context.Background()
	s, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	one, err := s.Tenant("t1")
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.Tenant("t2")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := one.Put(ctx, "mail/2024/a.eml", strings.NewReader("hello")); n != 5 || err != nil {
		t.Fatalf("Put = %d, %v", n, err)
	}
	r, err := one.Open(ctx, "mail/2024/a.eml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	r.Close()
	if err != nil || !bytes.Equal(got, []byte("hello")) {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := two.Open(ctx, "mail/2024/a.eml"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("another tenant: %v; want not_found", err)
	}
	for _, name := range []string{"", "../t1/mail/2024/a.eml", "a/../b", "/a", "a//b", "a\x00", `..\t1`} {
		if _, err := two.Open(ctx, name); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("name %q: %v; want invalid", name, err)
		}
	}
	broken := errors.New("wire broke")
	if _, err := one.Put(ctx, "half", io.MultiReader(strings.NewReader("ha"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("Put of a failing reader: %v", err)
	}
	var names []string
	if err := one.List(ctx, "", func(i blob.Info) error { names = append(names, i.Name); return nil }); err != nil || len(names) != 1 || names[0] != "mail/2024/a.eml" {
		t.Errorf("List gives %v, %v", names, err)
	}
	if err := one.Delete(ctx, "mail/2024/a.eml"); err != nil {
		t.Fatal(err)
	}
	if err := one.Delete(ctx, "mail/2024/a.eml"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("second Delete: %v; want not_found", err)
	}
	if _, err := s.Tenant("../t1"); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("tenant ../t1: %v; want invalid", err)
	}
}
