//! One policy: its attributes and elements become members of the same names.

use roxmltree::{Attribute, Node as Element};
use validate_jwt::excerpt::Excerpt;

use super::{
    ConvertOptions, certificates::Certificates, elements::is_named, node::Node, report::Report,
    values::Values, xml::Xml,
};

/// A policy that was read.
#[derive(Debug)]
pub(super) struct Policy {
    /// `validate-jwt` or `validate-azure-ad-token`.
    pub(super) kind: &'static str,
    /// Where it starts.
    pub(super) at: usize,
    /// The attribute `id`.
    pub(super) id: Option<String>,
    /// The object that it becomes.
    pub(super) node: Node,
    /// The variable that gets the token.
    pub(super) output_variable: Option<String>,
    /// The URLs that lead to its keys, or the hosts of them, each with its place.
    pub(super) urls: Vec<(String, usize)>,
}

/// The names of the two policies.
pub(super) const KINDS: [&str; 2] = ["validate-jwt", "validate-azure-ad-token"];

/// Where Entra signs in the tenants of its public cloud.
const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";

/// What an attribute of a policy says.
#[derive(Clone, Copy, Debug)]
enum Word {
    Text,
    Flag,
    Number(&'static str),
    TokenValue,
    /// `id`, which names the policy.
    Id,
    /// Means nothing unless it is on, and then nothing that the filter knows.
    OffAlone,
    /// `require-scheme`, where the scheme is `Bearer` anyway.
    BearerAlone,
}

const STATUS: Word = Word::Number("a status of HTTP");

/// The attributes of `validate-jwt`, in the order of the configuration.
const VALIDATE_JWT: [(&str, Word); 11] = [
    ("id", Word::Id),
    ("header-name", Word::Text),
    ("query-parameter-name", Word::Text),
    ("token-value", Word::TokenValue),
    ("require-scheme", Word::Text),
    ("failed-validation-httpcode", STATUS),
    ("failed-validation-error-message", Word::Text),
    ("require-expiration-time", Word::Flag),
    ("require-signed-tokens", Word::Flag),
    ("clock-skew", Word::Number("seconds")),
    ("output-token-variable-name", Word::Text),
];

/// The attributes of `validate-azure-ad-token`, in the order of the configuration.
const VALIDATE_AZURE_AD_TOKEN: [(&str, Word); 12] = [
    ("id", Word::Id),
    ("tenant-id", Word::Text),
    ("header-name", Word::Text),
    ("query-parameter-name", Word::Text),
    ("token-value", Word::TokenValue),
    ("authentication-endpoint", Word::Text),
    ("require-scheme", Word::BearerAlone),
    ("failed-validation-httpcode", STATUS),
    ("failed-validation-error-message", Word::Text),
    ("output-token-variable-name", Word::Text),
    ("allow-protected-forwarded-tokens", Word::OffAlone),
    ("allow-proof-of-possession-tokens", Word::OffAlone),
];

/// The elements of `validate-jwt`, in the order of the configuration, which is that of API Management's schema.
const VALIDATE_JWT_ELEMENTS: [&str; 6] =
    ["openid-config", "issuer-signing-keys", "decryption-keys", "audiences", "issuers", "required-claims"];

/// The elements of `validate-azure-ad-token`, whose order is free.
const VALIDATE_AZURE_AD_TOKEN_ELEMENTS: [&str; 5] =
    ["backend-application-ids", "client-application-ids", "audiences", "required-claims", "decryption-keys"];

/// Reads policies one after the other.
#[derive(Debug)]
pub(super) struct Reader<'c> {
    pub(super) xml: Xml<'c>,
    pub(super) values: Values<'c>,
    pub(super) report: &'c mut Report,
    pub(super) certificates: &'c mut Certificates,
    pub(super) urls: Vec<(String, usize)>,
}

impl<'c> Reader<'c> {
    /// Reads the elements of `xml`; what is to be said goes to `report`, which certificates are needed to `certificates`.
    pub(super) fn new(
        xml: Xml<'c>,
        options: &'c ConvertOptions,
        report: &'c mut Report,
        certificates: &'c mut Certificates,
    ) -> Self {
        Self { xml, values: Values::new(options), report, certificates, urls: Vec::new() }
    }

    /// Reads the policy that is `kind`.
    pub(super) fn policy(&mut self, kind: &'static str, element: Element<'c, 'c>) -> Policy {
        let is_entra = kind == "validate-azure-ad-token";
        let words = if is_entra { VALIDATE_AZURE_AD_TOKEN.as_slice() } else { &VALIDATE_JWT };
        let elements =
            if is_entra { VALIDATE_AZURE_AD_TOKEN_ELEMENTS.as_slice() } else { &VALIDATE_JWT_ELEMENTS };
        let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        let mut attributes = self.attributes(element, &names);
        let (mut id, mut output_variable) = (None, None);
        let mut members = Vec::new();
        let mut endpoint = is_entra.then(|| (PUBLIC_CLOUD.to_owned(), self.xml.start(element)));
        for (name, word) in words {
            let Some(attribute) = attributes.take(name) else { continue };
            let written = self.xml.attribute(&attribute);
            let node = match word {
                Word::Text => {
                    let text = self.values.text(&written, self.report);
                    match (*name, &text) {
                        ("output-token-variable-name", Some(name)) => output_variable = Some(name.clone()),
                        ("authentication-endpoint", Some(host)) => {
                            endpoint = Some((host.clone(), written.at));
                        }
                        _ => {}
                    }
                    text.map(|text| (*name, Node::text(written.at, text)))
                }
                Word::Flag => self.values.flag(&written, self.report).map(|node| (*name, node)),
                Word::Number(unit) => {
                    self.values.number(&written, unit, self.report).map(|node| (*name, node))
                }
                Word::TokenValue => self.values.token_value(&written, self.report),
                Word::Id => {
                    id = self.values.text(&written, self.report);
                    None
                }
                Word::OffAlone | Word::BearerAlone => {
                    self.idle(name, *word, &attribute);
                    None
                }
            };
            members.push(node);
        }
        self.order(element, is_entra);
        let mut children = self.children(element, elements);
        for name in elements {
            let found: Vec<_> = children.iter().filter(|child| is_named(**child, name)).copied().collect();
            children.retain(|child| !is_named(*child, name));
            members.push(self.member(name, &found).map(|node| (*name, node)));
        }
        let mut urls = std::mem::take(&mut self.urls);
        urls.extend(endpoint);
        let at = self.xml.start(element);
        let members = members.into_iter().flatten().map(|(name, node)| (name, Some(node)));
        Policy { kind, at, id, node: Node::object(at, members), output_variable, urls }
    }

    /// An attribute that the filter has no word for, since it says what is so anyway.
    fn idle(&mut self, name: &str, word: Word, attribute: &Attribute<'_, '_>) {
        let written = self.xml.attribute(attribute);
        let Some(text) = self.values.text(&written, self.report) else { return };
        let expected = if matches!(word, Word::BearerAlone) { "Bearer" } else { "false" };
        if text.trim().eq_ignore_ascii_case(expected) {
            self.report
                .note(written.at, format!("`{name}=\"{expected}\"` says what is so anyway, and is left out"));
        } else if expected == "Bearer" {
            self.report.error(
                written.at,
                format!(
                    "is `{}`; under `validate-azure-ad-token` the scheme is always `Bearer`",
                    Excerpt(&text)
                ),
            );
        } else {
            self.report.error(
                written.at,
                format!("`{name}` has no documented meaning, and the filter does nothing like it; remove it, or say `false`"),
            );
        }
    }

    /// Tells elements that stand in another order than API Management's schema wants.
    fn order(&mut self, element: Element<'c, 'c>, is_free: bool) {
        let mut last = 0;
        for child in element.children().filter(Element::is_element) {
            let name = child.tag_name().name();
            let Some(place) = VALIDATE_JWT_ELEMENTS.iter().position(|known| *known == name) else { continue };
            if place < last && !is_free {
                let before = VALIDATE_JWT_ELEMENTS.get(last).copied().unwrap_or_default();
                self.report.warning(
                    self.xml.start(child),
                    format!(
                        "`<{name}>` stands after `<{before}>`, and API Management refuses to save that; the order means nothing \
                         here, and it is converted"
                    ),
                );
            }
            last = last.max(place);
        }
    }
}
