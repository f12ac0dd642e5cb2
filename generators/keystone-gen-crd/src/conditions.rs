//! Conditions: their types, and the schema of the list that holds them.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The pool or store does what its spec asks for.
pub const READY: &str = "Ready";
/// The spec passes the checks that a schema cannot express.
pub const VALIDATED: &str = "Validated";
/// The operator holds working cloud credentials.
pub const CREDENTIALS_READY: &str = "CredentialsReady";
/// The image exists and will not vanish within 14 days.
pub const AMI_READY: &str = "AmiReady";
/// Subnets and security groups exist and have free addresses.
pub const NETWORK_READY: &str = "NetworkReady";
/// The launch template says what the spec says.
pub const LAUNCH_TEMPLATE_READY: &str = "LaunchTemplateReady";
/// The cloud gives the machines that were asked for.
pub const CAPACITY_AVAILABLE: &str = "CapacityAvailable";
/// The service that new nodes ask for their join credentials answers.
pub const JOIN_SERVICE_READY: &str = "JoinServiceReady";
/// Machines that start become nodes.
pub const REGISTRATION_HEALTHY: &str = "RegistrationHealthy";
/// Some nodes differ from the spec.
pub const DRIFTED: &str = "Drifted";
/// Nodes are being replaced.
pub const DISRUPTING: &str = "Disrupting";
/// The operator only watches.
pub const PAUSED: &str = "Paused";
/// The object is being taken down.
pub const DELETING: &str = "Deleting";
/// `spec.cloudInit.joinToken` is set and was not used: a token in user-data is readable by every
/// process of the machine and by everyone who may describe launch templates, so nodes join by an
/// identity that the cloud attests.
pub const JOIN_TOKEN_IGNORED: &str = "JoinTokenIgnored";

/// Every condition of a `NodePool`, in the order in which they are reported.
pub const NODE_POOL: [&str; 14] = [
    READY,
    VALIDATED,
    CREDENTIALS_READY,
    AMI_READY,
    NETWORK_READY,
    LAUNCH_TEMPLATE_READY,
    CAPACITY_AVAILABLE,
    JOIN_SERVICE_READY,
    REGISTRATION_HEALTHY,
    DRIFTED,
    DISRUPTING,
    PAUSED,
    DELETING,
    JOIN_TOKEN_IGNORED,
];

/// The bucket exists in the form that the spec asks for.
pub const BUCKET_READY: &str = "BucketReady";
/// Every account of `spec.access` can reach the bucket, and nobody else.
pub const ACCESS_READY: &str = "AccessReady";

/// Every condition of a `BlobStore`, in the order in which they are reported.
pub const BLOB_STORE: [&str; 5] = [READY, CREDENTIALS_READY, BUCKET_READY, ACCESS_READY, DELETING];

/// The schema of a list of `metav1.Condition`, keyed by type so that several writers can share it.
pub(crate) fn list_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "type": "string",
                    "description": "What is judged, in CamelCase.",
                    "maxLength": 316,
                    "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                },
                "status": {
                    "type": "string",
                    "description": "Whether it holds.",
                    "enum": ["True", "False", "Unknown"],
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                    "description": "The metadata.generation that was judged.",
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the status last changed.",
                },
                "reason": {
                    "type": "string",
                    "description": "Why, as one CamelCase word for programs.",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "type": "string",
                    "description": "Why, as a sentence for people; may be empty.",
                    "maxLength": 32768,
                },
            },
        },
    })
}
