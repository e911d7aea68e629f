package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// licenceFile is what a file with a licence is called, and noticeFile one that goes with it.
var (
	licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[sc]e|copying)`)
	noticeFile  = regexp.MustCompile(`(?i)^(notice|patents)`)
)

// known is how much of a file, in per cent, must be the text of licences that are known. The rest is names, years and headings.
const known = 60

// filesLike are the paths of a folder's files whose names match one of the patterns.
func filesLike(folder string, patterns ...*regexp.Regexp) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(entry.Name()) }) {
			paths = append(paths, filepath.Join(folder, entry.Name()))
		}
	}
	return paths, nil
}

// licenceOf reads which licences files hold, as SPDX identifiers that all apply. A file may also be about licences, and hold none.
func licenceOf(paths []string) (string, error) {
	var ids []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		found := licensecheck.Scan(text)
		if len(found.Match) > 0 && found.Percent < known {
			return "", fmt.Errorf("%s: only %.0f %% of it is a licence that is known", path, found.Percent)
		}
		for _, match := range found.Match {
			ids = append(ids, match.ID)
		}
	}
	if len(ids) == 0 {
		return "", fmt.Errorf("there is no licence")
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " AND "), nil
}
