package unsend_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs/system.svg has a name for each function, and a dot for each table that the function's role lets it read or write.
func TestThePictureOfTheSystemIsTrue(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	names, dots := drawn(t)
	roles, tables := resources(template, "AWS::IAM::Role"), resources(template, "AWS::DynamoDB::Table")
	var wantNames, wantDots []string
	for name := range functions(t, template) {
		wantNames = append(wantNames, name+" "+strings.ToLower(name))
		wantDots = append(wantDots, touched(name, roles[name+"Role"], tables)...)
	}
	slices.Sort(wantNames)
	slices.Sort(wantDots)
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("functions (-template +picture):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Compact(wantDots), dots); diff != "" {
		t.Errorf("dots (-template +picture):\n%s", diff)
	}
}

// touched are the tables of a role, each as "Function Table".
func touched(function string, role object, tables map[string]object) []string {
	var all []string
	for _, s := range statements(role) {
		for _, action := range list(s["Action"]) {
			for _, resource := range list(s["Resource"]) {
				table, found := strings.CutSuffix(resourceName(resource), ".Arn")
				if found && tables[table] != nil && strings.HasPrefix(fmt.Sprint(action), "dynamodb:") {
					all = append(all, function+" "+table)
				}
			}
		}
	}
	return all
}

// drawn reads the picture: each function with the name that stands there, and each dot.
func drawn(t *testing.T) (names, dots []string) {
	t.Helper()
	f, err := os.Open("docs/system.svg")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	function := ""
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("docs/system.svg: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			function = attribute(token, "data-function")
			if table := attribute(token, "data-table"); table != "" {
				dots = append(dots, function+" "+table)
				function = ""
			}
		case xml.CharData:
			if function != "" {
				names = append(names, function+" "+string(token))
			}
			function = ""
		}
	}
	slices.Sort(names)
	slices.Sort(dots)
	return names, dots
}

func attribute(element xml.StartElement, name string) string {
	for _, a := range element.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// The README's pictures are there, and small enough for everybody who clones this.
func TestThePicturesOfTheREADME(t *testing.T) {
	t.Parallel()
	const most = 150 << 10
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"docs/system.svg", "docs/demo-light.png", "docs/demo-dark.png"} {
		if !strings.Contains(string(text), `"`+path+`"`) && !strings.Contains(string(text), "("+path+")") {
			t.Errorf("README.md does not show %s", path)
		}
		if info, err := os.Stat(path); err != nil || info.Size() > most {
			t.Errorf("%s: %v, or more than %d bytes", path, err, most)
		}
	}
}
