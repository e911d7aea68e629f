package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// npmPackages are those of the web client's lock file, which has their licences. None of them is handed on: it fails for one
// that is.
func npmPackages(root string) ([]dependency, error) {
	text, err := os.ReadFile(filepath.Join(root, "clients", "web", "package-lock.json"))
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct {
			Version, License string
			Dev              bool
		}
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("package-lock.json: %w", err)
	}
	delete(lock.Packages, "") // the client itself
	var list []dependency
	for _, path := range slices.Sorted(maps.Keys(lock.Packages)) {
		p := lock.Packages[path]
		if !p.Dev {
			return nil, fmt.Errorf("%s is handed on with the web client: list it as such", path)
		}
		list = append(list, dependency{path[strings.LastIndex(path, "node_modules/")+len("node_modules/"):], p.Version, p.License})
	}
	return sorted(list), nil
}

// sorted are dependencies by name and version, each once.
func sorted(list []dependency) []dependency {
	slices.SortFunc(list, func(a, b dependency) int { return strings.Compare(a.name+" "+a.version, b.name+" "+b.version) })
	return slices.Compact(list)
}

var requirement = regexp.MustCompile(`(?m)^([a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==([^ \\]+)`)

// pythonPackages are those of the lock files, with the licence that licences has of each by its name.
func pythonPackages(root string, licences map[string]string) ([]dependency, error) {
	files, err := filepath.Glob(filepath.Join(root, "requirements", "*.txt"))
	if err != nil {
		return nil, err
	}
	var list []dependency
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, match := range requirement.FindAllStringSubmatch(string(text), -1) {
			licence := licences[match[1]]
			if licence == "" {
				return nil, fmt.Errorf("%s: the licence of %s is not known; is .venv made?", filepath.Base(file), match[1])
			}
			list = append(list, dependency{match[1], match[2], licence})
		}
	}
	return sorted(list), nil
}

// spelled are licences as packages spell them that have no SPDX expression and no text that says it.
var spelled = map[string]string{
	"Apache License":                         "Apache-2.0",
	"Apache License 2.0":                     "Apache-2.0",
	"Apache License, Version 2.0":            "Apache-2.0",
	"The MIT License (MIT)":                  "MIT",
	"MIT License":                            "MIT",
	"MIT license":                            "MIT",
	"LGPL with exceptions":                   "LGPL-3.0-or-later",
	"PSFL":                                   "PSF-2.0",
	"License :: OSI Approved :: MIT License": "MIT",
}

// onOthers are the licences of packages that only other platforms or Pythons install, as their metadata has them.
var onOthers = map[string]string{
	"colorama": "BSD-3-Clause", "pywin32": "PSF-2.0", "exceptiongroup": "MIT AND PSF-2.0", "taskgroup": "MIT", "tomli": "MIT",
}

// environmentLicences are the licences of what is installed in .venv, by the packages' names, and those of onOthers.
func environmentLicences(root string) map[string]string {
	found := maps.Clone(onOthers)
	folders, _ := filepath.Glob(filepath.Join(root, ".venv", "*", "lib", "python*", "site-packages", "*.dist-info")) // the pattern is well-formed
	for _, folder := range folders {
		if name, licence := installed(folder); licence != "" {
			found[name] = licence
		}
	}
	return found
}

var separators = regexp.MustCompile(`[-_.]+`)

// installed is the name of a package, as lock files spell it, and its licence; empty where it cannot be told.
func installed(folder string) (name, licence string) {
	file, err := os.Open(filepath.Join(folder, "METADATA"))
	if err != nil {
		return "", ""
	}
	defer func() { _ = file.Close() }()
	message, err := mail.ReadMessage(file)
	if err != nil {
		return "", ""
	}
	header := message.Header
	name = strings.ToLower(separators.ReplaceAllString(header.Get("Name"), "-"))
	if expression := header.Get("License-Expression"); expression != "" {
		return name, expression
	}
	if licence, err := licenceOf(licenceFilesOf(folder)); err == nil {
		return name, licence
	}
	first, _, _ := strings.Cut(header.Get("License"), "\n")
	for _, said := range append([]string{first}, header["Classifier"]...) {
		if id := spelled[said]; id != "" {
			return name, id
		}
		if permitted(said, used) {
			return name, said
		}
	}
	return name, ""
}

func licenceFilesOf(folder string) (files []string) {
	for _, place := range []string{folder, filepath.Join(folder, "licenses")} {
		more, err := filesLike(place, licenceFile)
		if err == nil { // most have one of the two places
			files = append(files, more...)
		}
	}
	return files
}
