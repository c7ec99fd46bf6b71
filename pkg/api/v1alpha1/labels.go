package v1alpha1

// Labels and annotations that Catalyst sets on what it makes, and reads on what it observes.
const (
	// LabelOrganization, on a Namespace: the Organization that it belongs to.
	LabelOrganization = "catalyst.openova.io/organization"
	// LabelEnvironment, on a Namespace: the Environment whose Applications run there, {organization}-{env_type}.
	LabelEnvironment = "catalyst.openova.io/environment"
	// LabelApplication, on every object of an Application: its name.
	LabelApplication = "catalyst.openova.io/application"
	// LabelManagedBy, on what the environment-controller makes and heals.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedByController is its value.
	ManagedByController = "catalyst-environment-controller"
	// SystemNamespace holds the Sovereign's own custom resources.
	SystemNamespace = "catalyst-system"
	// ConditionReady is the summary condition of every custom resource.
	ConditionReady = "Ready"
)
