package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// samconfigFile is what sam and the stages are told, from the repository's root.
const samconfigFile = "samconfig.toml"

// defaultSection is the section of it that deployments without a stage use, and
// localSection that of the local stack.
const (
	defaultSection = "default"
	localSection   = "local"
)

// samSection is a section of samconfig.toml, as far as scripts/deploy hands it on.
type samSection struct {
	Global struct {
		Parameters struct {
			StackName string `toml:"stack_name"`
		} `toml:"parameters"`
	} `toml:"global"`
	Deploy struct {
		Parameters struct {
			Overrides []string `toml:"parameter_overrides"`
		} `toml:"parameters"`
	} `toml:"deploy"`
}

// loadStage gives what samconfig.toml says of a stage; of no stage (""), nothing.
// It names the stages there are when it does not know this one.
func loadStage(path, name string) (answers, error) {
	if name == "" {
		return answers{}, nil
	}
	stages, err := loadStages(path)
	if err != nil {
		return answers{}, err
	}
	stage, found := stages[name]
	if !found {
		return answers{}, fmt.Errorf("samconfig.toml has no stage %q, it has %s", name, strings.Join(slices.Sorted(maps.Keys(stages)), ", "))
	}
	return stage, nil
}

// loadStages gives every section but [default] and [local], which are no stages.
func loadStages(path string) (map[string]answers, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("look for the stages: %w", err)
	}
	var sections map[string]toml.Primitive
	meta, err := toml.Decode(string(text), &sections)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", samconfigFile, err)
	}
	delete(sections, "version")
	delete(sections, defaultSection)
	delete(sections, localSection)
	stages := map[string]answers{}
	for name, section := range sections {
		var s samSection
		if err := meta.PrimitiveDecode(section, &s); err != nil {
			return nil, fmt.Errorf("read [%s] of %s: %w", name, samconfigFile, err)
		}
		if stages[name], err = s.answers(); err != nil {
			return nil, fmt.Errorf("[%s] of %s: %w", name, samconfigFile, err)
		}
	}
	return stages, nil
}

func (s samSection) answers() (answers, error) {
	a := answers{StackName: s.Global.Parameters.StackName, Parameters: map[string]string{}}
	for _, override := range s.Deploy.Parameters.Overrides {
		name, value, ok := strings.Cut(override, "=")
		if !ok {
			return answers{}, fmt.Errorf("%q is no PARAMETER=VALUE", override)
		}
		a.Parameters[name] = value
	}
	return a, nil
}
