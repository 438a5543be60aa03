//! The command line of `convert`.

use std::{
    fs::File,
    io::{self, Read, Write as _},
    path::PathBuf,
};

use clap::Args;

use super::{ConvertOptions, NamedValues, convert, source::MAX_POLICY_BYTES};
use crate::exit::Exit;

/// Convert a policy of Azure API Management (XML) to the filter's configuration (JSON).
#[derive(Debug, Args)]
#[command(
    long_about = "Convert a policy of Azure API Management (XML) to the filter's configuration (JSON).

Takes a whole policy document, a fragment, or the elements alone, as API Management shows them: policy expressions with raw \
quotes and `<` are welcome. Finds every <validate-jwt> and <validate-azure-ad-token>; of several, all must allow a request. \
The configuration goes to standard output, once the filter's own parser has accepted it; what there is to say about the \
document to standard error, with line and column.

Exit status: 0 converted (there may be warnings and notes), 1 something could not be converted, or wrong arguments (then \
there is no output).",
    after_long_help = "Examples:
  validate-jwt convert policy.xml > filter.json
  validate-jwt convert policy.xml --cluster login.microsoftonline.com=entra
  validate-jwt convert policy.xml --default-cluster 'outbound|{port}||{host}'      (Istio)
  validate-jwt convert policy.xml --named-value tenant-id=contoso.com --named-values secrets.env
  validate-jwt convert policy.xml --certificate my-rsa-cert=my-rsa-cert.pem
  az rest --url \"$POLICY_URL?api-version=2022-08-01&format=rawxml\" --query properties.value -o tsv \\
    | validate-jwt convert -"
)]
pub struct Convert {
    /// The policy document; `-` reads standard input.
    policy: PathBuf,
    /// Which cluster of the proxy reaches a host: `login.microsoftonline.com=entra`. May be given several times.
    #[arg(long = "cluster", value_name = "HOST=CLUSTER", value_parser = pair)]
    clusters: Vec<(String, String)>,
    /// The cluster that reaches every other host; `{host}` and `{port}` are filled in by the filter.
    #[arg(long, value_name = "CLUSTER")]
    default_cluster: Option<String>,
    /// What `{{NAME}}` stands for. May be given several times; goes before --named-values.
    #[arg(long = "named-value", value_name = "NAME=VALUE", value_parser = pair)]
    named_value: Vec<(String, String)>,
    /// A file with what `{{…}}` stands for: a JSON object of strings, or `name=value` in each line. May be given several times.
    #[arg(long, value_name = "FILE")]
    named_values: Vec<PathBuf>,
    /// The PEM file of a certificate-id; with the private key if it decrypts tokens. May be given several times.
    #[arg(long = "certificate", value_name = "ID=FILE", value_parser = pair)]
    certificates: Vec<(String, String)>,
    /// The host for @(context.Request.OriginalUrl.Host); without it, audiences take the host that each request names.
    #[arg(long)]
    host: Option<String>,
    /// The cookie that holds the token where token-value is an expression that has no word here.
    #[arg(long, value_name = "NAME")]
    token_cookie: Option<String>,
}

/// `name=value`. The message quotes nothing: it may be a secret.
fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("has no `=`")?;
    if name.is_empty() || value.is_empty() {
        return Err("one side of `=` is empty");
    }
    Ok((name.to_owned(), value.to_owned()))
}

impl Convert {
    /// Converts, and writes what came of it. The error is about files and streams.
    pub fn run(self) -> Result<(String, Exit), Box<dyn std::error::Error>> {
        let name = self.policy.display().to_string();
        let is_standard_input = name == "-";
        let document = read(&self.policy, is_standard_input).map_err(|error| format!("{name}: {error}"))?;
        let name = if is_standard_input { "<stdin>".to_owned() } else { name };
        let conversion = convert(&name, &document, &self.options()?);
        io::stderr().write_all(conversion.report.as_bytes())?;
        Ok(conversion.json.map_or_else(|| (String::new(), Exit::Other), |json| (json, Exit::Fine)))
    }

    fn options(self) -> Result<ConvertOptions, String> {
        let mut named_values = NamedValues::default();
        for path in &self.named_values {
            let told = |problem: String| format!("{}: {problem}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
            named_values.add_file(&text).map_err(told)?;
        }
        for (name, value) in self.named_value {
            named_values.add(name, value);
        }
        let pem = |(id, file): (String, String)| {
            let text = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
            Ok::<_, String>((id, text))
        };
        Ok(ConvertOptions {
            clusters: self.clusters.into_iter().collect(),
            default_cluster: self.default_cluster,
            named_values,
            certificates: self.certificates.into_iter().map(pem).collect::<Result<_, _>>()?,
            host: self.host,
            token_cookie: self.token_cookie,
        })
    }
}

/// No more than what is refused for its length.
fn read(path: &PathBuf, is_standard_input: bool) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_POLICY_BYTES).unwrap_or(u64::MAX).saturating_add(4);
    let mut bytes = Vec::new();
    if is_standard_input {
        io::stdin().take(limit).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
