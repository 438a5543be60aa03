//! The elements of a policy: lists of texts, OpenID configurations, keys and claims.

use roxmltree::{Attribute, Node as Element};
use validate_jwt::excerpt::Excerpt;

use super::{certificates::Use, node::Node, policy::Reader};

/// Whether an element has this name, in no namespace.
pub(super) fn is_named(element: Element<'_, '_>, name: &str) -> bool {
    element.is_element() && element.tag_name().name() == name && element.tag_name().namespace().is_none()
}

/// The attributes of an element, none of them unknown.
#[derive(Debug)]
pub(super) struct Attributes<'x> {
    attributes: Vec<Attribute<'x, 'x>>,
}

impl<'x> Attributes<'x> {
    pub(super) fn take(&mut self, name: &str) -> Option<Attribute<'x, 'x>> {
        let index = self.attributes.iter().position(|attribute| attribute.name() == name)?;
        Some(self.attributes.remove(index))
    }
}

impl<'c> Reader<'c> {
    /// The attributes of an element; those that are not `known` are told.
    pub(super) fn attributes(&mut self, element: Element<'c, 'c>, known: &[&str]) -> Attributes<'c> {
        let mut attributes = Vec::new();
        for attribute in element.attributes() {
            if attribute.namespace().is_none() && known.contains(&attribute.name()) {
                attributes.push(attribute);
                continue;
            }
            let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            let known =
                if names.is_empty() { "has none".to_owned() } else { format!("has {}", names.join(", ")) };
            self.report.error(
                self.xml.attribute_start(&attribute),
                format!(
                    "`{}` is no attribute of `<{}>`, which {known}; correct or remove it",
                    Excerpt(attribute.name()),
                    element.tag_name().name()
                ),
            );
        }
        Attributes { attributes }
    }

    /// The elements in an element; those that are not `known` are told, and texts.
    pub(super) fn children(&mut self, element: Element<'c, 'c>, known: &[&str]) -> Vec<Element<'c, 'c>> {
        let outer = element.tag_name().name();
        let mut children = Vec::new();
        for child in element.children() {
            if known.iter().any(|name| is_named(child, name)) {
                children.push(child);
            } else if child.is_element() {
                let name = child.tag_name().name();
                let problem = match NOT_CONVERTED.iter().find(|(refused, _)| *refused == name) {
                    Some((_, problem)) => (*problem).to_owned(),
                    None if known.is_empty() => format!("no element can stand in `<{outer}>`; remove it"),
                    None => {
                        let names: Vec<_> = known.iter().map(|name| format!("`<{name}>`")).collect();
                        format!(
                            "`<{outer}>` has {} in it, nothing else; correct or remove it",
                            names.join(", ")
                        )
                    }
                };
                self.report.error(self.xml.start(child), format!("`<{}>`: {problem}", Excerpt(name)));
            } else if child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty()) {
                self.report.error(
                    self.xml.first_character(child),
                    format!("text stands in `<{outer}>`, where only elements can; remove it"),
                );
            }
        }
        children
    }

    /// The member that the elements of one name become.
    pub(super) fn member(&mut self, name: &str, elements: &[Element<'c, 'c>]) -> Option<Node> {
        let first = *elements.first()?;
        if name == "openid-config" {
            let configs = elements.iter().filter_map(|element| self.openid_config(*element)).collect();
            return Some(Node::list(self.xml.start(first), configs));
        }
        if let Some(second) = elements.get(1) {
            self.report.error(
                self.xml.start(*second),
                format!(
                    "`<{name}>` is there a second time, and API Management takes one; put what is in it into the one in line {}",
                    self.xml.line(first)
                ),
            );
        }
        let item = match name {
            "issuer-signing-keys" | "decryption-keys" => "key",
            "audiences" => "audience",
            "issuers" => "issuer",
            "required-claims" => "claim",
            _ => "application-id",
        };
        self.attributes(first, &[]);
        let items = self.children(first, &[item]);
        if items.is_empty() && !first.has_children() {
            self.report.error(
                self.xml.start(first),
                format!("`<{name}>` is empty, and what that means is not documented; put an `<{item}>` in, or remove it"),
            );
        }
        let nodes = items.into_iter().filter_map(|element| match name {
            "issuer-signing-keys" => self.key(element, Use::Verify),
            "decryption-keys" => self.key(element, Use::Decrypt),
            "required-claims" => Some(self.claim(element)),
            _ => self.item(element, name == "audiences"),
        });
        let nodes = nodes.collect();
        Some(Node::list(self.xml.start(first), nodes))
    }

    /// The text of an element that holds nothing else.
    fn item(&mut self, element: Element<'c, 'c>, is_audience: bool) -> Option<Node> {
        self.attributes(element, &[]);
        let written = match self.xml.text(element) {
            Ok(written) => written,
            Err(child) => {
                self.report.error(
                    self.xml.start(child),
                    format!(
                        "`<{}>` stands in `<{}>`, which holds a text; if it is a placeholder, put in what it stands for",
                        Excerpt(child.tag_name().name()),
                        element.tag_name().name()
                    ),
                );
                return None;
            }
        };
        let text = if is_audience {
            self.values.audience(&written, self.report)
        } else {
            self.values.text(&written, self.report)
        };
        text.map(|text| Node::text(written.at, text))
    }

    fn openid_config(&mut self, element: Element<'c, 'c>) -> Option<Node> {
        let mut attributes = self.attributes(element, &["url", "validate-connectivity", "host"]);
        self.children(element, &[]);
        if let Some(attribute) = attributes.take("validate-connectivity") {
            self.report.note(
                self.xml.attribute_start(&attribute),
                "`validate-connectivity` is about API Management's test when a policy is saved, and is left out: the filter \
                 makes none",
            );
        }
        if let Some(attribute) = attributes.take("host") {
            self.report.error(
                self.xml.attribute_start(&attribute),
                "`host` has no documented meaning; the host is that of `url`: remove it",
            );
        }
        let Some(attribute) = attributes.take("url") else {
            self.report.error(self.xml.start(element), "`<openid-config>` has no `url`; add it");
            return None;
        };
        let written = self.xml.attribute(&attribute);
        let url = self.values.text(&written, self.report)?;
        self.urls.push((url.clone(), written.at));
        Some(Node::object(self.xml.start(element), [("url", Some(Node::text(written.at, url)))]))
    }

    fn key(&mut self, element: Element<'c, 'c>, purpose: Use) -> Option<Node> {
        let known: &[_] = match purpose {
            Use::Verify => &["id", "n", "e", "certificate-id"],
            Use::Decrypt => &["id", "certificate-id"],
        };
        let mut attributes = self.attributes(element, known);
        let mut members = Vec::new();
        for name in known {
            let Some(attribute) = attributes.take(name) else { continue };
            let written = self.xml.attribute(&attribute);
            let text = self.values.text(&written, self.report)?;
            if *name == "certificate-id" {
                self.certificates.need(&text, purpose, written.at);
            }
            members.push((*name, Some(Node::text(written.at, text))));
        }
        let written = match self.xml.text(element) {
            Ok(written) => written,
            Err(child) => {
                self.report.error(
                    self.xml.start(child),
                    "an element stands in `<key>`, which holds a text; remove it",
                );
                return None;
            }
        };
        if !written.text.is_empty() {
            let secret = self.values.secret(&written, self.report)?;
            self.report.warning(
                written.at,
                "the key is a secret, and stands in the configuration in clear; name a variable of the proxy's VM in its place: \
                 `\"value-from-env\": \"JWT_KEY\"` for `\"value\": \"…\"`",
            );
            members.push(("value", Some(Node::text(written.at, secret))));
        }
        Some(Node::object(self.xml.start(element), members))
    }

    fn claim(&mut self, element: Element<'c, 'c>) -> Node {
        let known = ["name", "match", "separator"];
        let mut attributes = self.attributes(element, &known);
        let mut members = Vec::new();
        for name in known {
            let Some(attribute) = attributes.take(name) else { continue };
            let written = self.xml.attribute(&attribute);
            let text = self.values.text(&written, self.report);
            members.push((name, text.map(|text| Node::text(written.at, text))));
        }
        let values = self.children(element, &["value"]);
        let at = values.first().map_or_else(|| self.xml.start(element), |first| self.xml.start(*first));
        let has_values = !values.is_empty();
        let values = values.into_iter().filter_map(|value| self.item(value, false)).collect();
        members.push(("values", has_values.then(|| Node::list(at, values))));
        Node::object(self.xml.start(element), members)
    }
}

/// Elements of API Management's schema that the filter has no word for.
const NOT_CONVERTED: [(&str, &str); 2] = [
    (
        "issuer-signing-tokens",
        "a form that API Management gave up; write the keys as `<issuer-signing-keys>`",
    ),
    ("zumo-master-key", "a key of Azure Mobile Services, which are no more; write the key as `<key>`"),
];
