package deploy

import (
	"path/filepath"
	"regexp"
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

// Whatever runs the programs is made after their role on the leases, and removed before it: a program whose first request is refused ends, and
// one that leads cannot release without its role.
func TestRolesComeBeforePrograms(t *testing.T) {
	t.Parallel()
	identities := []string{"aws_iam_role.node", "google_service_account.node", "azurerm_user_assigned_identity.node"}
	gives := regexp.MustCompile(`^(aws_iam_role_policy|google_storage_bucket_iam_member|azurerm_role_assignment)\.`)
	runners := 0
	for _, main := range []string{"aws/main.tf", "azure/main.tf", "gcp/main.tf"} {
		needs, roles := map[string][]string{}, []string{}
		files, err := filepath.Glob(filepath.Join(filepath.Dir(main), "*.tf"))
		require.NoError(t, err)
		for _, file := range files {
			for name, needed := range resources(t, file) {
				needs[name] = needed
				if filepath.ToSlash(file) == main && gives.MatchString(name) {
					roles = append(roles, name)
				}
			}
		}
		require.NotEmpty(t, roles, main)
		needed := map[string]bool{}
		for _, names := range needs {
			for _, name := range names {
				needed[name] = true
			}
		}
		for name := range needs {
			before := closure(needs, name)
			if needed[name] || gives.MatchString(name) || !slices.ContainsFunc(identities, func(id string) bool { return before[id] }) {
				continue // another resource is made of it, it is a role, or the programs do not run there
			}
			runners++
			for _, role := range roles {
				assert.True(t, before[role], "%s: %s does not depend on %s", main, name, role)
			}
		}
	}
	require.Equal(t, 7, runners)
}

// resources returns what each resource of a file names.
func resources(t *testing.T, file string) map[string][]string {
	parsed, wrong := hclparse.NewParser().ParseHCLFile(file)
	require.False(t, wrong.HasErrors(), wrong)
	found := map[string][]string{}
	for _, block := range parsed.Body.(*hclsyntax.Body).Blocks {
		if block.Type == "resource" {
			name := strings.Join(block.Labels, ".")
			found[name] = []string{}
			names(block.Body, func(named string) { found[name] = append(found[name], named) })
		}
	}
	return found
}

// closure returns what a resource needs, and what that needs.
func closure(needs map[string][]string, name string) map[string]bool {
	all := map[string]bool{}
	for next := needs[name]; len(next) > 0; next = next[1:] {
		if !all[next[0]] {
			all[next[0]] = true
			next = append(slices.Clone(next), needs[next[0]]...)
		}
	}
	return all
}
