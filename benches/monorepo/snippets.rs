//! Pieces of Go that source files are made of.
//!
//! In a text, `$N` is the noun of the piece, unique in its package, `$V` its verb, and `$1` to `$3` are numbers. A piece
//! stands for itself: it uses nothing but its own imports, so that any selection of pieces compiles.

/// One piece of Go and the packages of the standard library it needs.
pub(crate) struct Snippet {
    pub(crate) imports: &'static [&'static str],
    pub(crate) text: &'static str,
}

impl Snippet {
    /// The number of its lines.
    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }
}

/// Pieces of ordinary files.
pub(crate) const SOURCE: &[Snippet] = &[
    Snippet {
        imports: &["fmt"],
        text: r#"// $N is what passes through one round of $V.
type $N struct {
	Number   int
	Label    string
	Priority int
	notes    []string
}

// New$N makes a $N with the usual priority.
func New$N(number int, label string) *$N {
	if label == "" {
		label = "unnamed"
	}
	return &$N{Number: number, Label: label, Priority: $1}
}

// Note appends a remark; only the last $2 are kept.
func (x *$N) Note(format string, args ...any) {
	x.notes = append(x.notes, fmt.Sprintf(format, args...))
	if extra := len(x.notes) - $2; extra > 0 {
		x.notes = x.notes[extra:]
	}
}

// String is the form used in logs.
func (x *$N) String() string {
	if x == nil {
		return "none"
	}
	return fmt.Sprintf("%d:%s/%d", x.Number, x.Label, x.Priority)
}
"#,
    },
    Snippet {
        imports: &[],
        text: r"// $N is a ring of fixed size; the oldest value makes room for the newest.
type $N[T any] struct {
	values [$1]T
	next   int
	full   bool
}

// Put adds a value.
func (r *$N[T]) Put(value T) {
	r.values[r.next] = value
	r.next++
	if r.next == len(r.values) {
		r.next, r.full = 0, true
	}
}

// Each calls visit for all values, the oldest first, until it returns false.
func (r *$N[T]) Each(visit func(T) bool) {
	if r.full {
		for _, value := range r.values[r.next:] {
			if !visit(value) {
				return
			}
		}
	}
	for _, value := range r.values[:r.next] {
		if !visit(value) {
			return
		}
	}
}
",
    },
    Snippet {
        imports: &["context", "errors", "time"],
        text: r#"// Err$NExhausted says that $V$N has used all its attempts.
var Err$NExhausted = errors.New("attempts exhausted")

// $V$N repeats work until it succeeds, with growing pauses.
func $V$N(ctx context.Context, work func(context.Context, int) error) error {
	pause := $1 * time.Microsecond
	var failures []error
	for attempt := range $2 {
		err := work(ctx, attempt)
		if err == nil {
			return nil
		}
		failures = append(failures, err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause += pause / $3
	}
	return errors.Join(append(failures, Err$NExhausted)...)
}
"#,
    },
    Snippet {
        imports: &["sync"],
        text: r"// $N counts events by name. Its zero value is ready, for any number of goroutines.
type $N struct {
	guard  sync.RWMutex
	events map[string]uint64
}

// Add counts n events; a name has at most $1.
func (c *$N) Add(name string, n uint64) {
	c.guard.Lock()
	defer c.guard.Unlock()
	if c.events == nil {
		c.events = make(map[string]uint64, $2)
	}
	c.events[name] = min(c.events[name]+n, $1)
}

// Sum returns the number of all events.
func (c *$N) Sum() uint64 {
	c.guard.RLock()
	defer c.guard.RUnlock()
	var sum uint64
	for _, n := range c.events {
		sum += n
	}
	return sum
}
",
    },
    Snippet {
        imports: &["strings", "unicode"],
        text: r#"// $V$N cuts a text into words and leaves out those longer than $1 bytes.
func $V$N(text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
	kept := words[:0]
	for _, word := range words {
		if len(word) <= $1 {
			kept = append(kept, strings.ToLower(word))
		}
	}
	return kept
}

// $V$NLine is $V$N for text that is cut off after $2 bytes.
func $V$NLine(text string) string {
	if len(text) > $2 {
		text = text[:$2]
	}
	return strings.Join($V$N(text), " ")
}
"#,
    },
    Snippet {
        imports: &["errors", "fmt"],
        text: r#"// $NError tells which limit a value has broken.
type $NError struct {
	Value, Limit int
}

// Error implements error.
func (e *$NError) Error() string {
	return fmt.Sprintf("value %d is beyond the limit %d", e.Value, e.Limit)
}

// $V$N checks all values and joins what is wrong with them.
func $V$N(values ...int) error {
	const low, high = -$1, $2
	var problems []error
	for _, value := range values {
		switch {
		case value < low:
			problems = append(problems, &$NError{value, low})
		case value > high:
			problems = append(problems, &$NError{value, high})
		}
	}
	return errors.Join(problems...)
}
"#,
    },
    Snippet {
        imports: &["cmp", "slices"],
        text: r"// $N is a name with its score.
type $N struct {
	Name  string
	Score float64
}

// $V$N returns the best candidates, at most $1, ties by name.
func $V$N(candidates []$N) []$N {
	ranked := slices.Clone(candidates)
	slices.SortFunc(ranked, func(a, b $N) int {
		if order := cmp.Compare(b.Score, a.Score); order != 0 {
			return order
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return ranked[:min(len(ranked), $1)]
}

// $V$NTotal adds the scores; those below $2 count half.
func $V$NTotal(candidates []$N) float64 {
	var total float64
	for _, candidate := range candidates {
		if candidate.Score < $2 {
			total += candidate.Score / 2
			continue
		}
		total += candidate.Score
	}
	return total
}
",
    },
    Snippet {
        imports: &[],
        text: r#"// $N is a state of the $V loop.
type $N uint8

// The states, in the order in which they are passed.
const (
	$NIdle $N = iota
	$NWaiting
	$NActive
	$NClosed
)

var next$N = map[$N][]$N{
	$NIdle:    {$NWaiting, $NClosed},
	$NWaiting: {$NActive, $NIdle},
	$NActive:  {$NClosed},
}

// $V moves to the state wanted, if there is a way in $1 moves.
func (s $N) $V(wanted $N) bool {
	reached := map[$N]bool{s: true}
	for range $1 {
		for state := range reached {
			for _, next := range next$N[state] {
				reached[next] = true
			}
		}
	}
	return reached[wanted]
}

// String names the state.
func (s $N) String() string {
	names := [...]string{"idle", "waiting", "active", "closed"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}
"#,
    },
    Snippet {
        imports: &["encoding/json", "fmt"],
        text: r#"// $N is a message as it is sent.
type $N struct {
	Kind     string            `json:"kind"`
	Revision int               `json:"revision"`
	Budget   int               `json:"budget,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
}

// Read$N decodes a message and fills in what older senders leave out.
func Read$N(raw []byte) ($N, error) {
	message := $N{Revision: $1}
	if err := json.Unmarshal(raw, &message); err != nil {
		return $N{}, fmt.Errorf("read message: %w", err)
	}
	if message.Budget == 0 {
		message.Budget = $2
	}
	return message, nil
}

// Bytes encodes the message.
func (m $N) Bytes() ([]byte, error) {
	return json.Marshal(m)
}
"#,
    },
    Snippet {
        imports: &["strconv", "strings"],
        text: r#"// fallback$N holds settings. What looks like code in it is text: // /* import "fmt" */
var fallback$N = map[string]string{
	"limit":   "$1",
	"burst":   "$2",
	"comment": "/* import \"os\" */",
	"grammar": `
import "net/http"
//go:embed nothing
`,
}

// $V$N returns a number from the settings.
func $V$N(settings map[string]string, name string) int {
	for _, source := range []map[string]string{settings, fallback$N} {
		text := strings.TrimSpace(source[name])
		if number, err := strconv.Atoi(text); err == nil {
			return number
		}
	}
	return $3
}
"#,
    },
    Snippet {
        imports: &["hash/fnv"],
        text: r"// $N spreads keys over shards.
type $N struct {
	Shards uint32
	Salt   string
}

// $V returns the shard of a key.
func (p $N) $V(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(p.Salt))
	_, _ = h.Write([]byte(key))
	shards := p.Shards
	if shards == 0 {
		shards = $1
	}
	return (h.Sum32() ^ $2) % shards
}
",
    },
    Snippet {
        imports: &["bufio", "io"],
        text: r#"/*
$V$N counts lines and bytes. This comment is no import declaration:

import "not/a/package"
*/
func $V$N(from io.Reader) (lines, bytes int, err error) {
	scanner := bufio.NewScanner(io.LimitReader(from, $1*1024))
	scanner.Buffer(make([]byte, 0, 4096), 64*1024)
	for scanner.Scan() {
		lines++
		bytes += len(scanner.Bytes()) + 1
		if lines == $2 {
			break
		}
	}
	return lines, bytes, scanner.Err()
}
"#,
    },
    Snippet {
        imports: &[],
        text: r"// $N is a sequence that $V$N can read.
type $N interface {
	Len() int
	Get(position int) int
}

// $N32 is a $N over a slice.
type $N32 []int32

// Len implements $N.
func (s $N32) Len() int { return len(s) }

// Get implements $N.
func (s $N32) Get(position int) int { return int(s[position]) }

// $V$N folds a sequence from both of its ends.
func $V$N(sequence $N) int {
	sum, low, high := $1, 0, sequence.Len()-1
	for low < high {
		first, last := sequence.Get(low), sequence.Get(high)
		switch {
		case first == last:
			sum += first
		case first%$2 == 0:
			sum -= last
		default:
			sum ^= first - last
		}
		low, high = low+1, high-1
	}
	return sum
}
",
    },
    Snippet {
        imports: &[],
        text: r"// $V$N groups values by a key and keeps their order within each group.
func $V$N[K comparable, V any](values []V, key func(V) K) map[K][]V {
	groups := make(map[K][]V, min(len(values), $1))
	for _, value := range values {
		k := key(value)
		groups[k] = append(groups[k], value)
	}
	for k, group := range groups {
		if len(group) > $2 {
			groups[k] = group[:$2]
		}
	}
	return groups
}
",
    },
];

/// Pieces of test files.
pub(crate) const TEST: &[Snippet] = &[
    Snippet {
        imports: &["testing"],
        text: r#"func Test$V$N(t *testing.T) {
	for name, test := range map[string]struct{ factor, want int }{
		"nothing": {0, 0},
		"one":     {1, $1},
		"three":   {3, 3 * $1},
	} {
		t.Run(name, func(t *testing.T) {
			sum := 0
			for range test.factor {
				sum += $1
			}
			if sum != test.want {
				t.Errorf("got %d, want %d", sum, test.want)
			}
		})
	}
}
"#,
    },
    Snippet {
        imports: &["strings", "testing"],
        text: r#"func Test$V$NText(t *testing.T) {
	const import_ = "import \"nothing\""
	text := strings.Repeat(import_+"\n", $1)
	if lines := strings.Count(text, "\n"); lines != $1 {
		t.Fatalf("got %d lines", lines)
	}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if line != import_ {
			t.Errorf("got %q", line)
		}
	}
}
"#,
    },
    Snippet {
        imports: &["testing"],
        text: r#"func Benchmark$V$N(b *testing.B) {
	values := make([]int, $1)
	for i := range values {
		values[i] = i ^ $2
	}
	b.ReportAllocs()
	b.ResetTimer()
	sum := 0
	for range b.N {
		for _, value := range values {
			sum += value
		}
	}
	if sum < 0 {
		b.Fatal("overflow")
	}
}
"#,
    },
    Snippet {
        imports: &["slices", "testing"],
        text: r#"func Test$V$NOrder(t *testing.T) {
	values := []int{$1, $2, $3, 0, -1}
	slices.Sort(values)
	if !slices.IsSorted(values) {
		t.Errorf("not sorted: %v", values)
	}
	if values[0] != -1 {
		t.Errorf("first is %d", values[0])
	}
}
"#,
    },
];

/// What may stand above the package clause.
pub(crate) const LICENSES: &[&str] = &[
    "",
    "// Copyright The Mono Authors. All rights reserved.\n\n",
    "// Copyright The Mono Authors. All rights reserved.\n\n",
    "/*\nCopyright The Mono Authors.\n\nimport \"fmt\" in a comment is no import.\n*/\n\n",
    r#"// Copyright The Mono Authors.
//
// Permission to use, copy, modify, and distribute this software for any purpose with or without
// fee is hereby granted, provided that the above copyright notice and this permission notice
// appear in all copies.
//
// THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS
// SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS.

"#,
];
