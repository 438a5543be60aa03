//! Strings of the Kubernetes and Istio APIs that have a form.

use serde::{Deserialize, Serialize};

/// A string type that takes only what a rule admits.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $rule:expr, $form:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
        #[serde(try_from = "String")]
        pub(crate) struct $name(String);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let admits: fn(&str) -> bool = $rule;
                if admits(&text) { Ok(Self(text)) } else { Err(format!("`{text}` is not {}", $form)) }
            }
        }
    };
}

text!(
    /// RFC 1123.
    Label,
    is_label,
    "a label: small letters, digits and `-`"
);
text!(
    /// Names of resources, and hosts.
    Subdomain,
    |text| text.len() <= 253 && text.split('.').all(is_label),
    "a name of labels and dots"
);
text!(
    /// A `ServiceEntry`'s host: its first label may be `*`.
    Host,
    |text| text.strip_prefix("*.").unwrap_or(text).split('.').all(is_label),
    "a host"
);
text!(
    /// The value of a label.
    LabelValue,
    |text| text.len() <= 63
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !text.starts_with(['-', '_', '.'])
        && !text.ends_with(['-', '_', '.']),
    "the value of a label"
);
text!(
    /// A digest as Istio and Envoy Gateway take it.
    Sha256,
    |text| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
    "64 small hexadecimal digits"
);
text!(
    /// Where Istio finds a module.
    ModuleUrl,
    |text| match text.split_once("://") {
        Some((scheme, rest)) => ["oci", "http", "https", "file"].contains(&scheme) && !rest.is_empty(),
        None => !text.is_empty(),
    },
    "a URL with oci, http, https or file"
);
text!(
    /// An image by its registry, name and tag or digest.
    Image,
    |text| !text.is_empty() && !text.contains("://") && !text.contains(' '),
    "an image"
);
text!(
    /// A variable of the environment.
    Variable,
    |text| !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
    "the name of a variable"
);
text!(
    /// A protobuf duration in the form that Istio takes.
    Duration,
    |text| {
        let number = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
        number.parse::<f64>().is_ok() && ["ms", "s", "m", "h"].contains(&text.strip_prefix(number).unwrap_or(""))
    },
    "a duration"
);
text!(
    /// What Istio exports a resource to.
    ExportTo,
    |text| [".", "*", "~"].contains(&text) || is_label(text),
    "`.`, `*`, `~` or a namespace"
);
text!(
    /// What a condition of an `AuthorizationPolicy` asks about.
    ConditionKey,
    |text| {
        let with_name = ["request.headers[", "request.auth.claims[", "experimental.envoy.filters."];
        let plain = [
            "source.ip",
            "remote.ip",
            "source.namespace",
            "source.principal",
            "source.serviceAccount",
            "request.auth.principal",
            "request.auth.audiences",
            "request.auth.presenter",
            "destination.ip",
            "destination.port",
            "connection.sni",
        ];
        plain.contains(&text) || (with_name.iter().any(|start| text.starts_with(start)) && text.ends_with(']'))
    },
    "the key of a condition"
);
text!(
    /// A method of HTTP, or all.
    Method,
    |text| text == "*" || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase())),
    "a method"
);

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
