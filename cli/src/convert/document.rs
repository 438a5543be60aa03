//! Where the policies stand in a document, and what else there is.

use std::collections::BTreeMap;

use roxmltree::Node as Element;
use validate_jwt::excerpt::Excerpt;

use super::{policy::KINDS, report::Report, xml::Xml};

/// What holds policies in every document of API Management, and says nothing by itself.
const CONTAINERS: [&str; 6] = ["policies", "fragment", "inbound", "backend", "outbound", "on-error"];

/// The most lines that are named for elements of one name.
const MAX_LINES: usize = 8;

/// Elements of other policies by name: where each stands.
type Others<'d> = BTreeMap<&'d str, Vec<usize>>;

/// The policies of the document that can be converted, in order. What else there is goes to `report`.
pub(super) fn find<'d>(xml: Xml<'d>, report: &mut Report) -> Vec<(&'static str, Element<'d, 'd>)> {
    let mut search = Search { xml, report, policies: Vec::new(), others: Others::new() };
    for element in xml.top() {
        search.visit(element, None);
    }
    let Search { policies, others, .. } = search;
    tell_swallowed(xml, report);
    list(&others, xml, report);
    if policies.is_empty() && !report.has_errors() {
        report.error(
            None,
            "has neither `<validate-jwt>` nor `<validate-azure-ad-token>`, so that there is nothing to convert",
        );
    }
    policies
}

struct Search<'d, 'r> {
    xml: Xml<'d>,
    report: &'r mut Report,
    policies: Vec<(&'static str, Element<'d, 'd>)>,
    others: Others<'d>,
}

impl<'d> Search<'d, '_> {
    /// Looks at what stands in the section `section`. Elements nest only as deep as `mask` lets them.
    fn visit(&mut self, element: Element<'d, 'd>, section: Option<&'static str>) {
        if element.is_text() && element.text().is_some_and(|text| !text.trim().is_empty()) {
            self.report.warning(
                self.xml.first_character(element),
                "text stands between policies, and is not converted",
            );
        }
        if !element.is_element() {
            return;
        }
        if let Some(kind) = kind_of(element) {
            self.policy(kind, element, section);
        } else if let Some(container) = CONTAINERS.iter().find(|name| element.tag_name().name() == **name) {
            let inner =
                if matches!(*container, "policies" | "fragment") { section } else { Some(*container) };
            for child in element.children() {
                self.visit(child, inner);
            }
        } else if let Some(kind) = misspelt_kind(element) {
            self.misspelt(kind, element);
        } else {
            self.others.entry(element.tag_name().name()).or_default().push(self.xml.start(element));
            for inside in element.descendants() {
                if let Some(kind) = kind_of(inside) {
                    self.inside_another(kind, inside, element);
                } else if let Some(kind) = misspelt_kind(inside) {
                    self.misspelt(kind, inside);
                }
            }
        }
    }

    fn policy(&mut self, kind: &'static str, element: Element<'d, 'd>, section: Option<&'static str>) {
        let at = self.xml.start(element);
        if element.tag_name().namespace().is_some() {
            self.report.error(
                at,
                format!("`<{kind}>` is in a namespace, which no policy of API Management is; remove `xmlns` or the prefix"),
            );
            return;
        }
        match section {
            None | Some("inbound") => self.policies.push((kind, element)),
            Some(section) => self.report.error(
                at,
                format!(
                    "`<{kind}>` stands in `<{section}>`, and API Management takes it in `<inbound>` alone; move it there"
                ),
            ),
        }
    }

    /// A policy that would be missing.
    fn misspelt(&mut self, kind: &str, element: Element<'d, 'd>) {
        self.report.error(
            self.xml.start(element),
            format!(
                "`<{}>` is no policy of API Management, whose names are in lower case, with `-`; write `<{kind}>`",
                Excerpt(element.tag_name().name())
            ),
        );
    }

    fn inside_another(&mut self, kind: &str, element: Element<'d, 'd>, outermost: Element<'d, 'd>) {
        let around = element.parent_element().unwrap_or(outermost);
        let name = around.tag_name().name();
        let line = self.xml.line(around);
        let problem = match name {
            "when" | "otherwise" => format!(
                "`<{kind}>` stands in the `<{name}>` of line {line}, and counts for some requests only. The filter tells those by \
                 path, method and host: convert the policy alone, without `<choose>`, and write `rules` for it \
                 (docs/configuration.md, Several policies)"
            ),
            _ => format!(
                "`<{kind}>` stands in the `<{}>` of line {line}, which the filter has no word for; convert the policy alone, \
                 without what is around it",
                Excerpt(name)
            ),
        };
        self.report.error(self.xml.start(element), problem);
    }
}

fn kind_of(element: Element<'_, '_>) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| element.is_element() && element.tag_name().name() == *kind)
}

/// The policy that an element would be, but for capitals, `_` and `-` in its name.
fn misspelt_kind(element: Element<'_, '_>) -> Option<&'static str> {
    let name = element.tag_name().name();
    let letters = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
    KINDS.into_iter().find(|kind| element.is_element() && name != *kind && letters(name) == letters(kind))
}

/// Tells expressions that seem to hold a policy: their end was found elsewhere than API Management finds it.
fn tell_swallowed(xml: Xml<'_>, report: &mut Report) {
    for (range, code) in xml.expressions() {
        if let Some(kind) = KINDS.iter().find(|kind| code.contains(&format!("<{kind}"))) {
            report.error(
                range.start,
                format!("`<{kind}` stands in the policy expression that starts here; close its brackets and quotes before"),
            );
        }
    }
}

/// Tells every other element once.
fn list(others: &Others<'_>, xml: Xml<'_>, report: &mut Report) {
    for (name, places) in others {
        let Some((first, further)) = places.split_first() else { continue };
        let mut lines: Vec<_> =
            further.iter().take(MAX_LINES).map(|at| xml.place(*at).line.to_string()).collect();
        if further.len() > MAX_LINES {
            lines.push("…".to_owned());
        }
        let also = match lines.as_slice() {
            [] => String::new(),
            [line] => format!(", also in line {line}"),
            _ => format!(", also in lines {}", lines.join(", ")),
        };
        let name = Excerpt(name).to_string();
        let text = format!("`<{name}>` is not converted{also}");
        if let Some((_, what)) = DECIDES.iter().find(|(known, _)| *known == name) {
            report.warning(*first, format!("{text}: {what}"));
        } else if let Some((_, what)) = STANDS_FOR_OTHERS.iter().find(|(known, _)| *known == name) {
            report.note(*first, format!("{text}: {what}"));
        } else {
            report.note(*first, text);
        }
    }
}

/// Elements that decide about requests, too.
const DECIDES: [(&str, &str); 9] = [
    ("check-header", "it decides about requests, too; let the proxy do so"),
    (
        "choose",
        "it may decide about requests, too; what the filter can do of it is `rules` by path, method and host",
    ),
    (
        "cors",
        "it answers preflights before a token is asked for; use the proxy's own, or `allow-cors-preflight`",
    ),
    ("get-authorization-context", "it decides about requests, too"),
    ("ip-filter", "it decides about requests, too; let the proxy do so"),
    ("return-response", "it answers every request that reaches it"),
    ("validate-client-certificate", "it decides about requests, too; let the proxy do so"),
    ("validate-content", "it decides about requests, too"),
    ("validate-parameters", "it decides about requests, too"),
];

/// Elements that stand for policies of another document.
const STANDS_FOR_OTHERS: [(&str, &str); 2] = [
    (
        "base",
        "in `<inbound>` it stands for the policies of the scope above; if one of them validates tokens, convert both documents as one (`cat above.xml policy.xml | validate-jwt convert -`)",
    ),
    (
        "include-fragment",
        "if the fragment validates tokens, convert both documents as one (`cat fragment.xml policy.xml | validate-jwt convert -`)",
    ),
];

/// Tells where other elements make use of the token that a policy puts into a variable.
pub(super) fn tell_uses(xml: Xml<'_>, variables: &[String], report: &mut Report) {
    for variable in variables {
        let mut uses = xml
            .expressions()
            .filter(|(_, code)| code.contains("Variables") && code.contains(&format!("\"{variable}\"")));
        if let Some((range, _)) = uses.next() {
            report.warning(
                range.start,
                format!(
                    "makes use of the token in the variable `{}`, and is not converted; if it decides about requests, ask for the \
                     claim in `required-claims`, with `rules` for the requests that need it",
                    Excerpt(variable)
                ),
            );
        }
    }
}
