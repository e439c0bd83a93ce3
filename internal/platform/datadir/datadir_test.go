package datadir_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

func TestSecondOpenNamesTheHolder(t *testing.T) {
	root := filepath.Join(t.TempDir(), "data")
	if h, err := datadir.HeldBy(root); h != nil || err != nil {
		t.Fatalf("a folder that does not exist is held by %v, %v", h, err)
	}
	d, err := datadir.Open(root, "serve", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetAddress("127.0.0.1:8420"); err != nil {
		t.Fatal(err)
	}
	_, err = datadir.Open(root, "import", "")
	if fault.CodeOf(err) != fault.Held {
		t.Fatalf("second open: %v; want held", err)
	}
	for _, want := range []string{strconv.Itoa(os.Getpid()), "127.0.0.1:8420", "--server http://127.0.0.1:8420"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %s", err, want)
		}
	}
	if h, err := datadir.HeldBy(root); err != nil || h == nil || h.PID != os.Getpid() || h.Program != "serve" {
		t.Errorf("HeldBy = %+v, %v", h, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if h, err := datadir.HeldBy(root); h != nil || err != nil {
		t.Errorf("after Close the folder is held by %v, %v", h, err)
	}
	again, err := datadir.Open(root, "import", "")
	if err != nil {
		t.Fatalf("open after Close: %v", err)
	}
	if again.Lake("t1") != filepath.Join(root, "lake", "t1.duckdb") {
		t.Errorf("lake file is %s", again.Lake("t1"))
	}
	if info, err := os.Stat(root); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the folder is %v, %v; want 0700", info.Mode(), err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenOnAFileIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := datadir.Open(file, "serve", ""); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("got %v; want invalid", err)
	}
}
