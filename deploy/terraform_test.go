package deploy

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each file of Terraform but main.tf can be left out: the others name nothing that it declares.
func TestFilesCanBeLeftOut(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*/*.tf")
	require.NoError(t, err)
	left := 0
	for _, out := range append(files, "") {
		if filepath.Base(out) == "main.tf" {
			continue
		}
		left++
		declared, named := map[string]bool{}, map[string]string{}
		for _, file := range files {
			if file != out {
				look(t, file, declared, named)
			}
		}
		for name, where := range named {
			assert.True(t, declared[name], "without %q, nothing declares %s of %s", out, name, where)
		}
	}
	require.Greater(t, left, 4)
}

// look adds what a file declares, and what it names and where. The folder is a part of each name.
func look(t *testing.T, file string, declared map[string]bool, named map[string]string) {
	parsed, wrong := hclparse.NewParser().ParseHCLFile(file)
	require.False(t, wrong.HasErrors(), wrong)
	folder := filepath.Dir(file) + " "
	for _, block := range parsed.Body.(*hclsyntax.Body).Blocks {
		switch block.Type {
		case "resource":
			declared[folder+strings.Join(block.Labels, ".")] = true
		case "data":
			declared[folder+"data."+strings.Join(block.Labels, ".")] = true
		case "variable":
			declared[folder+"var."+block.Labels[0]] = true
		case "locals":
			for name := range block.Body.Attributes {
				declared[folder+"local."+name] = true
			}
		}
		names(block.Body, func(name string) { named[folder+name] = file })
	}
}

// names calls f with each name of something that is declared elsewhere, such as var.image or aws_iam_role.node.
func names(body *hclsyntax.Body, f func(string)) {
	for _, attribute := range body.Attributes {
		for _, traversal := range attribute.Expr.Variables() {
			length := 2
			if traversal.RootName() == "data" {
				length = 3
			}
			if len(traversal) < length || slices.Contains([]string{"path", "each", "string"}, traversal.RootName()) {
				continue
			}
			words := []string{traversal.RootName()}
			for _, step := range traversal[1:length] {
				if attr, ok := step.(hcl.TraverseAttr); ok {
					words = append(words, attr.Name)
				}
			}
			f(strings.Join(words, "."))
		}
	}
	for _, block := range body.Blocks {
		names(block.Body, f)
	}
}
