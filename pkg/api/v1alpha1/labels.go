package v1alpha1

// Labels and annotations that Catalyst sets on what it makes, and reads on what it observes.
const (
	// LabelOrganization, on a Namespace: the Organization that it belongs to.
	LabelOrganization = "catalyst.openova.io/organization"
	// LabelEnvironment, on a Namespace: the Environment whose Applications run there, {organization}-{env_type}.
	LabelEnvironment = "catalyst.openova.io/environment"
	// LabelApplication, on every object of an Application: its name.
	LabelApplication = "catalyst.openova.io/application"
	// LabelIngress, on a Namespace of the Sovereign: what comes in from the outside comes from its pods, so every
	// Environment lets them in when its value is "true".
	LabelIngress = "catalyst.openova.io/ingress"
	// LabelManagedBy, on what the environment-controller makes and heals.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedByController is its value.
	ManagedByController = "catalyst-environment-controller"
	// SystemNamespace holds the Sovereign's own custom resources.
	SystemNamespace = "catalyst-system"
	// Finalizer keeps an Organization or an Environment until what belongs to it is dealt with.
	Finalizer = "catalyst.openova.io/environment-controller"
)

// Types of conditions.
const (
	// ConditionReady is the summary condition of every custom resource.
	ConditionReady = "Ready"
	// ConditionRetired, of an Organization: how far the way out has been gone.
	ConditionRetired = "Retired"
	// ConditionDependenciesMet, of an Application and of an Environment: every dependency is here and in order.
	ConditionDependenciesMet = "DependenciesMet"
	// ConditionPlaced, of an Environment: it runs where its placement asks for.
	ConditionPlaced = "Placed"
)
