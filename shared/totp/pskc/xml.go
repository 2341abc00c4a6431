package pskc

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Namespaces (RFC 6030, section 4 and figure 7; XML Encryption 1.0 and 1.1; PKCS #5 XML schema).
const (
	nsPSKC   = "urn:ietf:params:xml:ns:keyprov:pskc"
	nsXENC   = "http://www.w3.org/2001/04/xmlenc#"
	nsXENC11 = "http://www.w3.org/2009/xmlenc11#"
	nsDS     = "http://www.w3.org/2000/09/xmldsig#"
	nsPKCS5  = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#"
)

// Bounds of what is read. A KeyPackage of the RFC's longest example has some 30 elements, 8 deep.
const (
	maxDepth      = 16
	maxElements   = 200 // in a child of the container
	maxAttributes = 30  // of an element
)

// element is an element with all that is in it. Comments are left out, processing instructions too.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string // of an element without children
	children []*element
}

// reader reads the children of the root one at a time, so that a long file is never in memory as a whole tree.
type reader struct {
	xml  *xml.Decoder
	left int // elements, of the present child
}

// open reads up to and with the start of the root.
func open(content []byte) (*reader, *element, error) {
	r := &reader{xml: xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(content, []byte("\uFEFF"))))}
	if !utf8.Valid(content) {
		return nil, nil, errMalformed
	}
	t, err := r.token()
	start, ok := t.(xml.StartElement)
	if err != nil || !ok {
		return nil, nil, errMalformed
	}
	root, err := newElement(start)
	return r, root, err
}

// token gives the next start or end of an element, or text that is more than white space. Declarations of document types and
// entities are refused, whatever they declare.
func (r *reader) token() (xml.Token, error) {
	for {
		t, err := r.xml.Token() // refuses other encodings, unknown entities, what is not closed
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, errMalformed
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return t.Copy(), nil
			}
		case xml.StartElement, xml.EndElement:
			return t, nil
		}
	}
}

// next gives the next child of the root, or nil at its end. Then nothing may follow.
func (r *reader) next() (*element, error) {
	t, err := r.token()
	if err != nil {
		return nil, errMalformed
	}
	switch t := t.(type) {
	case xml.StartElement:
		r.left = maxElements
		return r.element(t, 1)
	case xml.EndElement:
		if _, err := r.token(); err != io.EOF {
			return nil, errMalformed
		}
		return nil, nil
	}
	return nil, errMalformed // text
}

// element reads an element whose start is read.
func (r *reader) element(start xml.StartElement, depth int) (*element, error) {
	if r.left--; r.left < 0 || depth > maxDepth {
		return nil, errMalformed
	}
	e, err := newElement(start)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for {
		t, err := r.token()
		if err != nil {
			return nil, errMalformed
		}
		switch t := t.(type) {
		case xml.StartElement:
			child, err := r.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			e.children = append(e.children, child)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			e.text = text.String()
			if len(e.children) > 0 && e.text != "" {
				return nil, errMalformed
			}
			return e, nil
		}
	}
}

// newElement refuses an attribute that comes twice, which encoding/xml lets through.
func newElement(start xml.StartElement) (*element, error) {
	if len(start.Attr) > maxAttributes {
		return nil, errMalformed
	}
	seen := map[xml.Name]bool{}
	for _, a := range start.Attr {
		if seen[a.Name] {
			return nil, errMalformed
		}
		seen[a.Name] = true
	}
	return &element{name: start.Name, attrs: start.Attr}, nil
}

func (e *element) is(space, local string) bool { return e.name.Space == space && e.name.Local == local }

// attr gives an attribute without a namespace, "" if there is none.
func (e *element) attr(local string) string {
	for _, a := range e.attrs {
		if a.Name.Space == "" && a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// child gives the child of that name, nil if there is none. More than one is an error: readers would choose differently.
func (e *element) child(space, local string) (*element, error) {
	var found *element
	for _, c := range e.children {
		if !c.is(space, local) {
			continue
		}
		if found != nil {
			return nil, errMalformed
		}
		found = c
	}
	return found, nil
}

// path goes down from child to child of one namespace; nil if one of them is not there.
func (e *element) path(space string, locals ...string) (*element, error) {
	for _, l := range locals {
		next, err := e.child(space, l)
		if next == nil || err != nil {
			return nil, err
		}
		e = next
	}
	return e, nil
}

// value is the text of an element that has nothing but text.
func (e *element) value() string { return strings.TrimSpace(e.text) }

// base64 reads xs:base64Binary, in which white space may stand anywhere.
func (e *element) base64() ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(e.text), ""))
	if err != nil || len(b) == 0 {
		return nil, errMalformed
	}
	return b, nil
}

func (e *element) int() (int64, error) {
	n, err := strconv.ParseInt(e.value(), 10, 64)
	if err != nil {
		return 0, errMalformed
	}
	return n, nil
}
