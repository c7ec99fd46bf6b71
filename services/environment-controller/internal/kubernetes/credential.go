package kubernetes

import (
	"context"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/services/environment-controller/internal/credential"
)

// credentials are Secrets in the namespace of the Sovereign; Environments get copies.
type credentials struct{ client client.Client }

var _ credential.Store = (*credentials)(nil)

// Keys of such a Secret beside username and password.
const (
	userKey, passwordKey          = "username", "password"
	tokenKey, issuedKey, knownKey = "token", "issued", "settled"
)

func credentialSecret(organization string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: catalystv1.SystemNamespace, Name: "catalyst-flux-" + organization,
			Labels: map[string]string{catalystv1.LabelManagedBy: catalystv1.ManagedByController, catalystv1.LabelOrganization: organization},
		},
		Type: corev1.SecretTypeOpaque,
	}
}

// Load implements credential.Store. What somebody made unreadable is none.
func (c *credentials) Load(ctx context.Context, organization string) (credential.Credential, error) {
	s := credentialSecret(organization)
	err := c.client.Get(ctx, client.ObjectKeyFromObject(s), s)
	if apierrors.IsNotFound(err) {
		return credential.Credential{}, nil
	}
	if err != nil {
		return credential.Credential{}, describe(c.client, "read", s, err)
	}
	issued, err := time.Parse(time.RFC3339Nano, string(s.Data[issuedKey]))
	if err != nil {
		return credential.Credential{}, nil //nolint:nilerr // a new one is issued
	}
	return credential.Credential{
		Account: string(s.Data[userKey]), Token: string(s.Data[passwordKey]), Name: string(s.Data[tokenKey]),
		Issued: issued, Settled: string(s.Data[knownKey]) == "true",
	}, nil
}

// Save implements credential.Store.
func (c *credentials) Save(ctx context.Context, organization string, v credential.Credential) error {
	s := credentialSecret(organization)
	s.Data = map[string][]byte{
		userKey: []byte(v.Account), passwordKey: []byte(v.Token), tokenKey: []byte(v.Name),
		issuedKey: []byte(v.Issued.UTC().Format(time.RFC3339Nano)), knownKey: strconv.AppendBool(nil, v.Settled),
	}
	_, err := ensure(ctx, c.client, nil, s)
	return err
}

// Delete implements credential.Store.
func (c *credentials) Delete(ctx context.Context, organization string) error {
	return remove(ctx, c.client, credentialSecret(organization))
}
