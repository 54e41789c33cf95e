package state

import (
	"math"
	"regexp"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// meaning is what every YAML reader takes a scalar for.
type meaning int

const (
	text      meaning = iota
	nothing           // null, ~, or nothing at all
	integer           // 12
	decimal           // -1.5
	boolean           // true, false
	ambiguous         // what readers disagree about, or would write back otherwise
)

var (
	// Up to 15 digits: what a reader with floating-point numbers keeps exactly.
	plainInteger = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})$`)
	plainDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})(\.[0-9]{0,5}[1-9])?$`)

	// The numbers and times of YAML 1.1 and 1.2, generously.
	numberOrTime = regexp.MustCompile(`^[-+]?(` +
		`0[bB][01_]+|0[oO]?[0-7_]+|0[xX][0-9a-fA-F_]+` + // 0x1F
		`|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?` + // 12:30:45
		`|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?` + // 1_000.5e3
		`|\.[0-9_]+([eE][-+]?[0-9]+)?|\.(inf|Inf|INF|nan|NaN|NAN)` + // .5
		`|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?)$`) // 2024-01-02

	// The words that are no text to some readers, in lower case.
	words = map[string]bool{
		"y": true, "yes": true, "n": true, "no": true, "true": true, "false": true, "on": true, "off": true,
		"=": true, "<<": true,
	}
)

// meaningOf returns what a scalar means. Quotes make text.
func meaningOf(n *yaml.Node) meaning {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Style&(quoted|yaml.TaggedStyle) != 0 {
		return text
	}
	return meaningOfPlain(n.Value, n.Tag)
}

// meaningOfPlain returns what an unquoted scalar means, whose type is tag to
// the YAML reader at hand.
func meaningOfPlain(value, tag string) meaning {
	switch value {
	case "", "~", "null", "Null", "NULL":
		return nothing
	case "true", "false":
		return boolean
	}
	if strings.IndexByte("+-.0123456789", value[0]) >= 0 {
		return meaningOfNumber(value, tag)
	}
	if tag != "!!str" || len(value) < 6 && words[strings.ToLower(value)] {
		return ambiguous
	}
	return text
}

// meaningOfNumber returns what an unquoted scalar means that begins as a number
// does.
func meaningOfNumber(value, tag string) meaning {
	switch {
	case plainInteger.MatchString(value):
		return integer
	case plainDecimal.MatchString(value) && value != "-0":
		return decimal
	case tag != "!!str", numberOrTime.MatchString(value):
		return ambiguous
	}
	return text
}

// isNothing reports whether n is null or not there.
func isNothing(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && meaningOf(n) == nothing }

// ambiguous adds an error about an unquoted scalar.
func (r *reader) ambiguous(n *yaml.Node) {
	value := quote(target(n).Value)
	r.errorf(r.pos(n), CodeAmbiguousValue, "%s without quotes is not the same text to every YAML reader", strings.Trim(value, `"`))
	r.hintf("write %s", value)
}

// text returns a line of text: quoted, or unquoted where all readers agree that
// it is text or a plain number.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	return r.scalar(n, what, text, integer)
}

// value returns any text, such as that of a label, where true and 1.5 are taken
// as they are written.
func (r *reader) value(n *yaml.Node, what string) (string, bool) {
	return r.scalar(n, what, text, integer, decimal, boolean)
}

// scalar returns the text of a scalar that has one of these meanings.
func (r *reader) scalar(n *yaml.Node, what string, accepted ...meaning) (string, bool) {
	if !r.is(n, yaml.ScalarNode, what, "text") {
		return "", false
	}
	at := target(n)
	m := meaningOf(at)
	for _, a := range accepted {
		if a == m {
			return at.Value, true
		}
	}
	r.ambiguous(n)
	return "", false
}

// line returns text without control characters and line breaks.
func (r *reader) line(n *yaml.Node, what string) (string, bool) {
	s, ok := r.text(n, what)
	return s, ok && r.isLine(n, s, what)
}

// isLine reports whether s has neither control characters nor line breaks;
// otherwise it is an error.
func (r *reader) isLine(n *yaml.Node, s, what string) bool {
	i := strings.IndexFunc(s, func(c rune) bool { return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' })
	if i < 0 {
		return true
	}
	c := []rune(s[i:])[0]
	r.errorf(r.pos(n), CodeInvalidText, "%s has a control character (%s)", what, codePoint(c))
	return false
}

// integer returns a whole number that is written without quotes.
func (r *reader) integer(n *yaml.Node, what string) (int, bool) {
	if !r.is(n, yaml.ScalarNode, what, "a whole number") {
		return 0, false
	}
	at := target(n)
	if v, ok := wholeNumber(at.Value); ok && meaningOf(at) != text {
		return v, true
	}
	r.errorf(r.pos(n), CodeWrongType, "%s must be a whole number", what)
	if _, ok := wholeNumber(at.Value); ok {
		r.hintf("write %s without quotes", at.Value)
	}
	return 0, false
}

// within returns a whole number of at least low and at most high.
func (r *reader) within(n *yaml.Node, what string, low, high int) (int, bool) {
	v, ok := r.integer(n, what)
	switch {
	case !ok, v >= low && v <= high:
		return v, ok
	case high == math.MaxInt32:
		r.errorf(r.pos(n), CodeOutOfRange, "%s is %d, but must be at least %d", what, v, low)
	default:
		r.errorf(r.pos(n), CodeOutOfRange, "%s is %d, but must be %d to %d", what, v, low, high)
	}
	return 0, false
}

// boolean returns true or false, written so.
func (r *reader) boolean(n *yaml.Node, what string) (value, ok bool) {
	if !r.is(n, yaml.ScalarNode, what, "true or false") {
		return false, false
	}
	if at := target(n); meaningOf(at) == boolean {
		return at.Value == "true", true
	}
	r.errorf(r.pos(n), CodeWrongType, "%s must be true or false", what)
	return false, false
}

// oneOf returns one of the values that a field may have.
func (r *reader) oneOf(n *yaml.Node, what string, values ...string) (string, bool) {
	s, ok := r.value(n, what)
	if !ok {
		return "", false
	}
	for _, v := range values {
		if s == v {
			return v, true
		}
	}
	r.errorf(r.pos(n), CodeUnknownValue, "%s is not a value of %s", quote(s), what)
	if !r.suggest(s, values) {
		r.hintf("it is one of %s", enumerate(values))
	}
	return "", false
}
