package fn

// maxArray is how many elements an array that a function makes may have.
const maxArray = 1 << 20

// LimitError says that a result would be larger than the language allows.
type LimitError struct{ What string }

func (e *LimitError) Error() string { return "the " + e.What + " would be larger than the limit" }

func fmtLimit(what string) error { return &LimitError{What: what} }

// ArgumentError says that an argument has a value that the function cannot work with.
type ArgumentError struct{ What string }

func (e *ArgumentError) Error() string { return e.What }
