package state

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// A Shard is a share of the tenants: the K-th of N. The zero Shard is all.
// Whose a tenant is depends on its id and N alone.
type Shard struct{ K, N int }

// maxShards bounds N.
const maxShards = 1024

// ParseShard reads "k/n".
func ParseShard(s string) (Shard, error) {
	before, after, _ := strings.Cut(s, "/")
	k, err1 := strconv.Atoi(before)
	n, err2 := strconv.Atoi(after)
	if err1 != nil || err2 != nil || n < 1 || n > maxShards || k < 1 || k > n {
		return Shard{}, fmt.Errorf("%q is not a share: k/n is the k-th of n, such as 1/4 (at most %d)", s, maxShards)
	}
	return Shard{k, n}, nil
}

// Takes reports whether the tenant of that id is of this share.
func (s Shard) Takes(id string) bool {
	if s.N == 0 {
		return true
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()%uint64(s.N) == uint64(s.K-1)
}

// Split returns the targets of this share, and the shared services that another
// brings about: the first has all of them.
func (s Shard) Split(targets []Target) (own, awaited []Target) {
	for _, t := range targets {
		switch {
		case t.Shared() && s.K > 1:
			awaited = append(awaited, t)
		case t.Shared() || s.Takes(t.Tenant):
			own = append(own, t)
		}
	}
	return own, awaited
}

// String returns "k/n", or "" for all.
func (s Shard) String() string {
	if s.N == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.K, s.N)
}
