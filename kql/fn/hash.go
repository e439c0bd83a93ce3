package fn

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func hashFunctions() map[string]impl {
	digest := func(sum func(b []byte) []byte) impl {
		return func(c *call) any { return hex.EncodeToString(sum([]byte(c.str(0)))) }
	}
	xx := func(c *call) any {
		h := hashOf(c.arg(0))
		if c.n() > 1 {
			m, ok := c.long(1)
			if !ok || m <= 0 {
				return nil
			}
			return int64(uint64(h) % uint64(m))
		}
		return h
	}
	return map[string]impl{
		"hash": xx, "hash_xxhash64": xx,
		"hash_md5":    digest(func(b []byte) []byte { s := md5.Sum(b); return s[:] }),
		"hash_sha1":   digest(func(b []byte) []byte { s := sha1.Sum(b); return s[:] }),
		"hash_sha256": digest(func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }),
		"hash_combine": func(c *call) any {
			h := uint64(0)
			for i := range c.args {
				n, _ := c.long(i)
				h = combineHash(h, uint64(n), i == 0)
			}
			return int64(h)
		},
		"hash_many": func(c *call) any {
			h := uint64(0)
			for i := range c.args {
				h = combineHash(h, uint64(hashOf(c.args[i])), i == 0)
			}
			return int64(h)
		},
	}
}

func combineHash(h, next uint64, first bool) uint64 {
	if first {
		return next
	}
	return h ^ (next + 0x9e3779b97f4a7c15 + h<<6 + h>>2)
}

// hashOf is xxHash64 of a value's bytes: text as UTF-8, whole numbers and times as eight bytes, reals by their bits.
func hashOf(v Value) int64 {
	var b [8]byte
	switch x := v.V.(type) {
	case int64:
		if v.T == plan.Int {
			binary.LittleEndian.PutUint32(b[:4], uint32(x))
			return int64(xxhash.Sum64(b[:4]))
		}
		binary.LittleEndian.PutUint64(b[:], uint64(x))
		return int64(xxhash.Sum64(b[:]))
	case float64:
		binary.LittleEndian.PutUint64(b[:], math.Float64bits(x))
		return int64(xxhash.Sum64(b[:]))
	case bool:
		b[0] = byte(boolOrder(x))
		return int64(xxhash.Sum64(b[:1]))
	}
	return int64(xxhash.Sum64String(text(v)))
}
