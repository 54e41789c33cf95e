package watch

import (
	"os"
	"path/filepath"
	"strings"
)

// manyLinks is how many links may be on the way to a file before it is taken to
// lead nowhere, as the system does.
const manyLinks = 40

// foldersOf returns the folders in which something happens when what a path
// leads to changes: the one that holds the file, or is the folder; the ones that
// hold the links on the way; and where there is nothing yet, the nearest one
// that there is.
func foldersOf(path string) []string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	here := root(absolute)
	way := split(absolute)
	var out []string
	for links := 0; len(way) > 0; {
		next := filepath.Join(here, way[0])
		info, err := os.Lstat(next)
		switch {
		case err != nil, !isLink(info) && !info.IsDir():
			return append(out, here)
		case !isLink(info):
			here, way = next, way[1:]
			continue
		}
		out = append(out, here)
		target, err := os.Readlink(next)
		if links++; err != nil || links > manyLinks {
			return out
		}
		if filepath.IsAbs(target) {
			here = root(target)
		}
		way = append(split(target), way[1:]...)
	}
	return append(out, here)
}

func isLink(info os.FileInfo) bool { return info.Mode()&os.ModeSymlink != 0 }

func root(absolute string) string {
	return filepath.VolumeName(absolute) + string(filepath.Separator)
}

// split returns the elements of a path below its root.
func split(path string) []string {
	path = strings.TrimPrefix(path, filepath.VolumeName(path))
	return strings.FieldsFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) })
}
