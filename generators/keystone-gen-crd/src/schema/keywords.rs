//! Which words a schema may hold.

/// Words that the API server keeps. Anything else is dropped in silence or refused.
pub(super) const KNOWN: [&str; 36] = [
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "description",
    "enum",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

/// Words of JSON Schema or `OpenAPI` that a structural schema must not hold.
pub(super) const FORBIDDEN: [&str; 13] = [
    "$ref",
    "$schema",
    "additionalItems",
    "definitions",
    "dependencies",
    "deprecated",
    "discriminator",
    "id",
    "patternProperties",
    "readOnly",
    "uniqueItems",
    "writeOnly",
    "xml",
];

/// Words that describe rather than judge, and so have no place below `allOf`, `anyOf`, `oneOf` or `not`.
/// No word of Kubernetes' own (`x-kubernetes-...`) has one either.
pub(super) const NOT_IN_LOGIC: [&str; 6] =
    ["additionalProperties", "default", "description", "nullable", "title", "type"];

/// Words whose value is one schema, or a list of them, that judges the same value.
pub(super) const LOGIC: [&str; 4] = ["allOf", "anyOf", "not", "oneOf"];

/// Types a node may have.
pub(super) const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// Formats that the API server knows; it warns about others and does not apply them.
pub(super) const FORMATS: [&str; 24] = [
    "bsonobjectid",
    "byte",
    "cidr",
    "creditcard",
    "date",
    "date-time",
    "datetime",
    "double",
    "duration",
    "email",
    "float",
    "hexcolor",
    "hostname",
    "int32",
    "int64",
    "ipv4",
    "ipv6",
    "k8s-long-name",
    "k8s-short-name",
    "mac",
    "password",
    "rgbcolor",
    "uri",
    "uuid",
];
