package add

// Add adds.
func Add(a, b int64) int64
