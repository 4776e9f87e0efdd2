package contract

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Breaches says how a value breaks a schema; here is what the value is called.
func Breaches(schema Object, value any, here string) (wrong []string) {
	if schema == nil {
		return []string{here + " has no schema"}
	}
	say := func(format string, args ...any) { wrong = append(wrong, here+" "+fmt.Sprintf(format, args...)) }
	for word, want := range schema {
		switch word {
		case "type":
			if !anyOf(want, typesOf(value)) {
				say("is %v, want %v", value, want)
			}
		case "const":
			if value != want {
				say("is %v, want %v", value, want)
			}
		case "enum":
			if !slices.Contains(want.([]any), value) {
				say("is %v, want one of %v", value, want)
			}
		case "oneOf":
			wrong = append(wrong, oneBreach(want.([]any), value, here)...)
		case "items":
			list, _ := value.([]any)
			for i, x := range list {
				wrong = append(wrong, Breaches(At(want), x, fmt.Sprintf("%s[%d]", here, i))...)
			}
		case "properties", "required", "additionalProperties":
		case "format":
			if text, ok := value.(string); ok && !inFormat(want.(string), text) {
				say("is %q, want a %s", text, want)
			}
		case "minLength", "maxLength", "minimum", "maximum", "maxItems":
			if bound, _ := want.(float64); !within(word, bound, value) {
				say("is %v, against its %s of %v", value, word, want)
			}
		case "default", "description", "x-status":
		default:
			say("has the unknown word %s in its schema", word)
		}
	}
	if o, ok := value.(Object); ok {
		wrong = append(wrong, objectBreaches(schema, o, here)...)
	}
	return wrong
}

func objectBreaches(schema, value Object, here string) (wrong []string) {
	for _, name := range Words(schema["required"]) {
		if _, ok := value[name]; !ok {
			wrong = append(wrong, here+" lacks "+name)
		}
	}
	known := At(schema, "properties")
	for name, v := range value {
		switch s := At(known, name); {
		case s != nil:
			wrong = append(wrong, Breaches(s, v, here+"."+name)...)
		case schema["additionalProperties"] == false:
			wrong = append(wrong, here+" has "+name+", which is not described")
		}
	}
	return wrong
}

func oneBreach(of []any, value any, here string) (wrong []string) {
	fits, why := 0, []string(nil)
	for _, s := range of {
		if b := Breaches(At(s), value, here); len(b) > 0 {
			why = append(why, b...)
		} else {
			fits++
		}
	}
	if fits != 1 {
		return []string{fmt.Sprintf("%s fits %d of oneOf: %s", here, fits, strings.Join(why, "; "))}
	}
	return nil
}

// typesOf are the JSON Schema types of a decoded value.
func typesOf(value any) []string {
	switch v := value.(type) {
	case nil:
		return []string{"null"}
	case bool:
		return []string{"boolean"}
	case string:
		return []string{"string"}
	case []any:
		return []string{"array"}
	case float64:
		if v == float64(int64(v)) {
			return []string{"number", "integer"}
		}
		return []string{"number"}
	}
	return []string{"object"}
}

func anyOf(want any, have []string) bool {
	if one, ok := want.(string); ok {
		return slices.Contains(have, one)
	}
	return slices.ContainsFunc(Words(want), func(one string) bool { return slices.Contains(have, one) })
}

// within tells whether a value keeps to a bound: of characters, of parts, or on a number. One of another type is not held to it (JSON
// Schema Validation 2020-12, section 6).
func within(word string, bound float64, value any) bool {
	switch v := value.(type) {
	case string:
		n := float64(utf8.RuneCountInString(v))
		return (word != "minLength" || n >= bound) && (word != "maxLength" || n <= bound)
	case []any:
		return word != "maxItems" || float64(len(v)) <= bound
	case float64:
		return (word != "minimum" || v >= bound) && (word != "maximum" || v <= bound)
	}
	return true
}

func inFormat(format, text string) bool {
	var err error
	switch format {
	case "date-time":
		_, err = time.Parse(time.RFC3339, text)
	case "date":
		_, err = time.Parse(time.DateOnly, text)
	case "uri":
		return strings.Contains(text, "://")
	default:
		return false
	}
	return err == nil
}
