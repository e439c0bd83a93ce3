package fn

import "sync"

// sync1 makes a value once, when it is first asked for.
func sync1[T any](f func() T) func() T { return sync.OnceValue(f) }
