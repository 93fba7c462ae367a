package labspec

import (
	"bytes"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Limits of what is read. The parser recurses over nesting and chains of
// operators, so a hostile or broken file could exhaust the stack.
const (
	maxFileSize  = 8 << 20 // bytes of one file
	maxNesting   = 100     // brackets inside each other
	maxOperators = 2000    // operators and steps in one expression
	maxJSONText  = 16 << 10
	maxNodes     = 20_000 // nodes in all pods together
	maxPods      = 1_000
	maxNetworks  = 20_000
)

// hugeExponent finds numbers such as 1e999999999, whose digits would not fit
// into memory.
var hugeExponent = regexp.MustCompile(`[0-9.][eE][+-]?0*[1-9][0-9]{3,}`)

// tooDeep finds the place where a native-syntax file nests too deeply,
// chains too many operators for the parser, or has a number with a huge exponent. A cheap scan of the bytes clears
// ordinary files; only a suspicious one is taken apart into tokens.
func tooDeep(src []byte, filename string) (hcl.Range, bool) {
	switch line := suspicious(src); {
	case line < 0:
		return hcl.Range{}, false
	case line > 0:
		place := hcl.Pos{Line: line, Column: 1}
		return hcl.Range{Filename: filename, Start: place, End: place}, true
	}
	tokens, _ := hclsyntax.LexConfig(src, filename, hcl.InitialPos)
	levels := []bracket{{newlineEnds: true}}
	for _, token := range tokens {
		top := &levels[len(levels)-1]
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp,
			hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			top.operators++
			levels = append(levels, bracket{newlineEnds: token.Type == hclsyntax.TokenOBrace})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if len(levels) > 1 {
				levels = levels[:len(levels)-1]
			}
		case hclsyntax.TokenNewline:
			if top.newlineEnds {
				top.operators = 0
			}
		case hclsyntax.TokenComma:
			top.operators = 0
		case hclsyntax.TokenNumberLit:
			if hugeExponent.Match(token.Bytes) {
				return token.Range, true
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenComment:
		default:
			top.operators++
		}
		if len(levels) > maxNesting || levels[len(levels)-1].operators > maxOperators {
			return token.Range, true
		}
	}
	return hcl.Range{}, false
}

type bracket struct {
	operators   int
	newlineEnds bool // a new line ends the expression
}

// suspicious says whether some expression could be deep: -1 is no, 0 is a
// maybe, and a line number says that it certainly is too much there. It never
// clears a file that tooDeep would refuse.
func suspicious(src []byte) int {
	verdict := -1
	if hugeExponent.Match(src) {
		verdict = 0
	}
	braces, brackets, signs, line, start := 0, 0, 0, 1, 1
	for _, c := range src {
		switch c {
		case '{':
			braces++
			signs++
		case '}':
			braces--
			signs++
		case '(', '[':
			brackets++
			signs++
		case ')', ']':
			brackets--
			signs++
		case '!', '-', '+', '*', '/', '%', '?', ':', '.', '<', '>', '=', '&', '|', '"':
			signs++
		case '\n':
			line++
			if brackets <= 0 {
				brackets, signs, start = 0, 0, line
			}
		}
		if braces > maxNesting/4 || brackets > maxNesting/4 || signs > maxOperators/4 {
			verdict = 0
		}
		if signs > 100*maxOperators {
			return start
		}
	}
	return verdict
}

// tooDeepJSON is tooDeep for JSON syntax, where expressions are inside strings.
func tooDeepJSON(src []byte) bool {
	if hugeExponent.Match(src) && hugeJSONNumber(src) {
		return true
	}
	depth, text := 0, 0
	inString, escaped := false, false
	for _, c := range src {
		switch {
		case inString:
			text++
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"':
				inString = false
			}
			if text > maxJSONText {
				return true
			}
		case c == '"':
			inString, text = true, 0
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// hugeJSONNumber looks for huge exponents outside strings, and in strings that
// hold expressions.
func hugeJSONNumber(src []byte) bool {
	start, inString := 0, false
	for i, c := range src {
		if c != '"' || inString && src[i-1] == '\\' {
			continue
		}
		part := src[start:i]
		if hugeExponent.Match(part) && (!inString || bytes.Contains(part, []byte("{"))) {
			return true
		}
		start, inString = i+1, !inString
	}
	return hugeExponent.Match(src[start:])
}
