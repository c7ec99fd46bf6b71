package gitea

import (
	"context"
	"net/http"

	"catalyst.openova.io/services/environment-controller/internal/organization"
)

const private = "private"

type orgBody struct {
	// Username names a new organization; it is not sent with a change.
	Username   string `json:"username,omitempty"`
	FullName   string `json:"full_name"`
	Visibility string `json:"visibility"`
}

func body(o organization.Organization) orgBody {
	b := orgBody{FullName: o.DisplayName, Visibility: "public"}
	if o.Private {
		b.Visibility = private
	}
	return b
}

// Organization implements organization.Organizations.
func (c *Client) Organization(ctx context.Context, name string) (organization.Organization, error) {
	var v struct {
		Name       string `json:"name"`
		FullName   string `json:"full_name"`
		Visibility string `json:"visibility"`
	}
	if _, err := c.call(ctx, http.MethodGet, []string{"orgs", name}, nil, nil, &v); err != nil {
		return organization.Organization{}, err
	}
	return organization.Organization{Name: v.Name, DisplayName: v.FullName, Private: v.Visibility == private}, nil
}

// CreateOrganization implements organization.Organizations.
func (c *Client) CreateOrganization(ctx context.Context, o organization.Organization) error {
	b := body(o)
	b.Username = o.Name
	_, err := c.call(ctx, http.MethodPost, []string{"orgs"}, nil, b, nil)
	return err
}

// UpdateOrganization implements organization.Organizations.
func (c *Client) UpdateOrganization(ctx context.Context, o organization.Organization) error {
	_, err := c.call(ctx, http.MethodPatch, []string{"orgs", o.Name}, nil, body(o), nil)
	return err
}
