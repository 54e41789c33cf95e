package reconcile

import "sync"

// atOnce is how many databases are worked on at the same time. A fleet with a
// database for each tenant has thousands, and no server wants as many
// connections.
const atOnce = 16

// knowledge is what one run finds out that holds for every database of a server
// version: what definitions compile to, and how to get from one structure to
// another. Without it, a database for each tenant would be planned one by one.
type knowledge struct {
	mu    sync.Mutex
	facts map[string]*fact
}

// A fact is found out by one at a time.
type fact struct {
	mu    sync.Mutex
	known bool
	value any
}

// once returns what f has found out under this key, or what it finds out now.
// What failed is tried by the next who asks: that may have been the trouble of one
// database.
func once[T any](k *knowledge, key string, f func() (T, error)) (T, error) {
	if k == nil {
		return f()
	}
	k.mu.Lock()
	if k.facts == nil {
		k.facts = make(map[string]*fact)
	}
	it := k.facts[key]
	if it == nil {
		it = &fact{}
		k.facts[key] = it
	}
	k.mu.Unlock()
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.known {
		return it.value.(T), nil
	}
	value, err := f()
	if err == nil {
		it.known, it.value = true, value
	}
	return value, err
}
