// Package cfn reads a CloudFormation template for tests: what it says of a resource, as it stands there, with functions
// unresolved.
package cfn

import (
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Object is a mapping of a template, with CloudFormation's short forms written
// out: !Ref X is {"Ref": "X"}, !Sub X is {"Fn::Sub": "X"}.
type Object = map[string]any

// Read reads a template of YAML.
func Read(path string) (Object, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	value, err := plain(document.Content[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	template, ok := value.(Object)
	if !ok {
		return nil, fmt.Errorf("%s is no mapping", path)
	}
	return template, nil
}

// plain turns a node into maps, lists and scalars, and the short form of a
// function into its long one.
func plain(node *yaml.Node) (any, error) {
	if name, short := strings.CutPrefix(node.Tag, "!"); short && !strings.HasPrefix(name, "!") {
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		untagged := *node
		untagged.Tag = ""
		value, err := plain(&untagged)
		return Object{name: value}, err
	}
	switch node.Kind {
	case yaml.MappingNode:
		return plainMapping(node)
	case yaml.SequenceNode:
		var list []any
		for _, each := range node.Content {
			value, err := plain(each)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	}
	var scalar any
	if err := node.Decode(&scalar); err != nil {
		return nil, fmt.Errorf("line %d: %w", node.Line, err)
	}
	return scalar, nil
}

func plainMapping(node *yaml.Node) (Object, error) {
	m := Object{}
	for i := 0; i < len(node.Content); i += 2 {
		value, err := plain(node.Content[i+1])
		if err != nil {
			return nil, err
		}
		m[node.Content[i].Value] = value
	}
	return m, nil
}

// At walks down mappings; a missing part is an empty mapping.
func At(m Object, path ...string) Object {
	for _, part := range path {
		m, _ = m[part].(Object)
	}
	return m
}

// Resources are the properties of the resources of a type, by name.
func Resources(template Object, kind string) map[string]Object {
	found := map[string]Object{}
	for name, r := range At(template, "Resources") {
		if r, ok := r.(Object); ok && r["Type"] == kind {
			found[name] = At(r, "Properties")
		}
	}
	return found
}
