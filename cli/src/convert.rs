//! `validate-jwt convert`: from a policy document of API Management (XML) to the filter's configuration (JSON).
//!
//! ```text
//! bytes → source → mask (expressions covered) → xml → document (which policies, what else) → policy, elements, values
//!   → whole (one configuration, which the filter's parser accepts) → JSON, and a report with places in the document
//! ```
//!
//! What cannot be converted is an error, and then there is no configuration: one that lacks a rule lets too many in.

mod certificates;
mod clusters;
mod command;
mod csharp;
mod document;
mod elements;
mod expression;
mod mask;
mod named_values;
mod node;
mod policy;
mod report;
mod source;
mod values;
mod whole;
mod xml;

use std::collections::BTreeMap;

pub use command::Convert;
pub use named_values::NamedValues;

use certificates::Certificates;
use policy::Reader;
use report::{Message, Report};
use source::Source;
use xml::{Prepared, Xml};

/// What the document does not say.
#[derive(Clone, Default)]
pub struct ConvertOptions {
    /// The proxy's cluster of a host, or of `host:port`.
    pub clusters: BTreeMap<String, String>,
    /// The cluster of every other host, with `{host}` and `{port}`.
    pub default_cluster: Option<String>,
    /// What `{{…}}` stands for.
    pub named_values: NamedValues,
    /// The PEM of each `certificate-id`.
    pub certificates: BTreeMap<String, String>,
    /// The host for `context.Request.OriginalUrl.Host`, in place of the one that a request names.
    pub host: Option<String>,
    /// The cookie that stands for a `token-value` that is not known here.
    pub token_cookie: Option<String>,
}

impl std::fmt::Debug for ConvertOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConvertOptions")
            .field("clusters", &self.clusters)
            .field("default_cluster", &self.default_cluster)
            .field("named_values", &self.named_values)
            .field("certificates", &self.certificates.keys())
            .field("host", &self.host)
            .field("token_cookie", &self.token_cookie)
            .finish()
    }
}

/// What came of a document.
#[derive(Clone, PartialEq, Eq)]
pub struct Conversion {
    /// The configuration, which may hold secrets; `None` if something could not be converted.
    pub json: Option<String>,
    /// One line for each thing to say, with its place: `policy.xml:3:9: error: …`.
    pub report: String,
}

impl std::fmt::Debug for Conversion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversion")
            .field("is_converted", &self.json.is_some())
            .field("report", &self.report)
            .finish()
    }
}

/// Converts a document that is called `name` in messages.
pub fn convert(name: &str, document: &[u8], options: &ConvertOptions) -> Conversion {
    let (source, unreadable) = Source::read(name, document);
    let mut report = Report::default();
    let json = match unreadable {
        Some(message) => {
            report.add(message);
            None
        }
        None => convert_source(&source, options, &mut report).unwrap_or_else(|message| {
            report.add(message);
            None
        }),
    };
    let json = json.filter(|_| !report.has_errors());
    Conversion { json, report: report.render(&source) }
}

fn convert_source(
    source: &Source,
    options: &ConvertOptions,
    report: &mut Report,
) -> Result<Option<String>, Message> {
    let prepared = Prepared::new(mask::mask(source.text())?);
    let tree = prepared.parse(source)?;
    let xml = Xml::new(source, &prepared, &tree);
    let found = document::find(xml, report);
    let mut certificates = Certificates::default();
    let mut reader = Reader::new(xml, options, report, &mut certificates);
    let policies: Vec<_> = found.into_iter().map(|(kind, element)| reader.policy(kind, element)).collect();
    let variables: Vec<_> = policies.iter().filter_map(|policy| policy.output_variable.clone()).collect();
    document::tell_uses(xml, &variables, report);
    Ok(whole::configuration(policies, options, &certificates, report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_limit() {
        let document = include_str!("../../docs/convert.md");
        let nodes = usize::try_from(xml::MAX_NODES).unwrap();
        for (what, limit) in [
            ("bytes of a document", source::MAX_POLICY_BYTES),
            ("elements, texts and comments", nodes),
            ("elements around an element", mask::MAX_DEPTH),
            ("attributes of an element", mask::MAX_ATTRIBUTES),
            ("declarations of namespaces in a document", mask::MAX_NAMESPACES),
            ("and the code in the holes, in one another", csharp::MAX_NESTED_STRINGS),
        ] {
            assert!(document.contains(&format!("{what} | {limit} |")), "{what}");
        }
        assert!(document.contains(&format!("| lines of messages | {};", report::MAX_MESSAGES)));
    }
}
