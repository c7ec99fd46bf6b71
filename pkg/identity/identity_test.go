package identity

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseGroups(t *testing.T) {
	for _, tt := range []struct {
		reason string
		group  string
		want   []Role
	}{
		{"a role in the Sovereign", "sovereign-admin", []Role{{Name: SovereignAdmin}}},
		{"the other one", "/security-officer", []Role{{Name: SecurityOfficer}}},
		{"a role in an Organization", "acme/org-admin", []Role{{Name: OrgAdmin, Organization: "acme"}}},
		{"Keycloak's leading slash", "/acme/org-viewer", []Role{{Name: OrgViewer, Organization: "acme"}}},
		{"a role in one Environment", "acme/dev/org-developer", []Role{{Name: OrgDeveloper, Organization: "acme", EnvType: "dev"}}},
		{"nothing", "", nil},
		{"somebody else's group", "everyone", nil},
		{"an Organization's role with no Organization", "org-admin", nil},
		{"a Sovereign role inside an Organization", "acme/sovereign-admin", nil},
		{"an unknown stage", "acme/qa/org-admin", nil},
		{"the reserved name", "system/org-admin", nil},
		{"an empty Organization", "//org-admin", nil},
		{"two leading slashes", "//acme/org-admin", nil},
		{"an upper-case Organization", "Acme/org-admin", nil},
		{"a wildcard", "*/org-admin", nil},
		{"a trailing slash", "acme/org-admin/", nil},
		{"white space", " acme/org-admin", nil},
		{"a line end", "acme/org-admin\n", nil},
		{"too deep", "acme/dev/x/org-admin", nil},
		{"another case", "acme/Org-Admin", nil},
	} {
		got := ParseGroups([]string{tt.group})
		if diff := cmp.Diff(append([]Role{}, tt.want...), got); diff != "" {
			t.Errorf("%s: ParseGroups(%q): -want +got:\n%s", tt.reason, tt.group, diff)
		}
	}
	if got := ParseGroups([]string{"acme/org-admin", "/acme/org-admin"}); len(got) != 1 {
		t.Errorf("the same role twice: got %v", got)
	}
}

func TestEnvType(t *testing.T) {
	for _, tt := range []struct{ organization, environment, want string }{
		{"acme", "acme-dev", "dev"}, {"acme", "acme-prod", "prod"}, {"acme-dev", "acme-dev-stg", "stg"},
		{"acme", "acme-dev-stg", ""}, {"acme", "kestrel-dev", ""}, {"acme", "acme", ""}, {"", "-dev", ""}, {"acme", "acme-", ""},
	} {
		if got := EnvType(tt.organization, tt.environment); got != tt.want {
			t.Errorf("EnvType(%q, %q) = %q, want %q", tt.organization, tt.environment, got, tt.want)
		}
	}
}

// The matrix of the roles, written out: every role against every permission at four places.
func TestCanMatrix(t *testing.T) {
	places := [4][2]string{{"", ""}, {"acme", ""}, {"acme", "dev"}, {"acme", "prod"}}
	perms := [5]Permission{PermSeeOrganization, PermRead, PermWriteApplication, PermAdministerOrganization, PermAdministerSovereign}
	all := "yyyyy"
	for _, tt := range []struct {
		group string
		want  [4]string // a place each; s(ee) r(ead) w(rite) a(dminister) S(overeign), y where allowed
	}{
		{"sovereign-admin", [4]string{all, all, all, all}},
		{"security-officer", [4]string{"yy---", "yy---", "yy---", "yy---"}},
		{"acme/org-admin", [4]string{"-y---", "yyyy-", "yyyy-", "yyyy-"}},
		{"acme/org-developer", [4]string{"-y---", "yyy--", "yyy--", "yyy--"}},
		{"acme/org-viewer", [4]string{"-y---", "yy---", "yy---", "yy---"}},
		{"acme/dev/org-admin", [4]string{"-y---", "y----", "yyy--", "y----"}},
		{"acme/dev/org-developer", [4]string{"-y---", "y----", "yyy--", "y----"}},
		{"acme/dev/org-viewer", [4]string{"-y---", "y----", "yy---", "y----"}},
		{"kestrel/org-admin", [4]string{"-y---", "-----", "-----", "-----"}},
		{"kestrel/dev/org-admin", [4]string{"-y---", "-----", "-----", "-----"}},
		{"nobody", [4]string{"-----", "-----", "-----", "-----"}},
	} {
		p := Person{Subject: "x", Roles: ParseGroups([]string{tt.group})}
		for i, place := range places {
			got := ""
			for _, perm := range perms {
				if Can(p, perm, place[0], place[1]) {
					got += "y"
				} else {
					got += "-"
				}
			}
			if got != tt.want[i] {
				t.Errorf("%s at %q: got %s, want %s", tt.group, place, got, tt.want[i])
			}
		}
	}
}

func TestCanProperties(t *testing.T) {
	orgs := rapid.SampledFrom([]string{"acme", "kestrel", "acme-dev"})
	stages := rapid.SampledFrom([]string{"", "dev", "stg", "prod"})
	roles := rapid.Custom(func(t *rapid.T) Role {
		name := rapid.SampledFrom([]RoleName{SovereignAdmin, SecurityOfficer, OrgAdmin, OrgDeveloper, OrgViewer}).Draw(t, "role")
		if name == SovereignAdmin || name == SecurityOfficer {
			return Role{Name: name}
		}
		return Role{Name: name, Organization: orgs.Draw(t, "org"), EnvType: stages.Draw(t, "stage")}
	})
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(roles, 0, 4).Draw(t, "some")
		more := append(some[:len(some):len(some)], roles.Draw(t, "more"))
		perm := Permission(rapid.IntRange(-1, 8).Draw(t, "perm"))
		org, stage := orgs.Draw(t, "at"), stages.Draw(t, "in")
		can := Can(Person{Roles: some}, perm, org, stage)
		if can && !Can(Person{Roles: more}, perm, org, stage) {
			t.Fatal("one more role took a right away")
		}
		if (perm < PermSeeOrganization || perm > PermAdministerSovereign) && can {
			t.Fatal("a permission that does not exist was granted")
		}
		p := Person{Roles: some}
		if Can(p, PermWriteApplication, org, stage) && !Can(p, PermRead, org, stage) {
			t.Fatal("may write what it may not read")
		}
		if Can(p, PermRead, org, stage) && !Can(p, PermSeeOrganization, org, "") {
			t.Fatal("may read in an Organization that it may not see")
		}
		if Can(p, PermRead, org, "") && !Can(p, PermRead, org, stage) {
			t.Fatal("may read the whole, and not the part")
		}
		own := false
		for _, r := range some {
			own = own || r.Organization == org || r.Organization == ""
		}
		if can && !own {
			t.Fatal("a right in an Organization without a role in it")
		}
	})
}

func FuzzParseGroups(f *testing.F) {
	for _, s := range []string{"acme/org-admin", "/acme/dev/org-viewer", "sovereign-admin", "//", "acme//org-admin"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, group string) {
		for _, r := range ParseGroups([]string{group}) {
			if (r.Organization == "") != (r.Name == SovereignAdmin || r.Name == SecurityOfficer) {
				t.Fatalf("%q became %+v", group, r)
			}
		}
	})
}
