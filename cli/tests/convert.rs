//! `validate-jwt convert`: policy documents beside the configuration and the messages that come of them
//! (`cli/tests/convert/`), and documents that nobody would write by hand.
//!
//! `name.xml` is converted with the arguments of `name.args`, one in each line; standard output is `name.json`, which is not
//! there when nothing is converted, and standard error is `name.stderr`. With `UPDATE_CONVERSIONS=1` in the environment the two
//! are written instead of compared: read what changed.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use validate_jwt::config::Configuration;
use validate_jwt_cli::convert::{Conversion, ConvertOptions, convert};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_validate-jwt"));
    command.arg("convert").args(arguments).current_dir(folder()).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The documents of the folder, without their extension.
fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let documents = entries.filter(|path| path.extension().is_some_and(|extension| extension == "xml"));
    let mut names: Vec<_> =
        documents.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The text of a file, or none where there is no such file.
fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_default()
}

#[test]
fn every_document_becomes_what_stands_beside_it() {
    let names = names();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        let arguments = read(&format!("{name}.args"));
        let arguments: Vec<_> = arguments.lines().collect();
        let document = format!("{name}.xml");
        let output = command(&arguments).arg(&document).output().unwrap();
        let (json, report) = (text(&output.stdout), text(&output.stderr));
        if std::env::var_os("UPDATE_CONVERSIONS").is_some() {
            write(&format!("{name}.json"), &json);
            write(&format!("{name}.stderr"), &report);
        }
        assert_eq!(report, read(&format!("{name}.stderr")), "{name}");
        assert_eq!(json, read(&format!("{name}.json")), "{name}");
        let is_error = report.contains(": error: ");
        assert_eq!(output.status.code(), Some(i32::from(is_error)), "{name}: {report}");
        assert_eq!(json.is_empty(), is_error, "{name}: {report}");
        if !is_error {
            Configuration::parse(&output.stdout, &environment)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

fn write(name: &str, text: &str) {
    let path = folder().join(name);
    if text.is_empty() {
        let _ignored = fs::remove_file(path);
    } else {
        fs::write(path, text).unwrap();
    }
}

/// The private key that every document with `decryption-keys` is converted with.
fn environment(name: &str) -> Option<String> {
    let key =
        || fs::read_to_string(folder().join("../../../tests/fixtures/certificates/rsa.key.pem")).unwrap();
    name.ends_with("_PRIVATE_KEY").then(key)
}

/// The policies that `filter-config/` has of the same scenarios say the same.
#[test]
fn examples_of_the_filter_are_what_is_made_of_their_policies() {
    for (document, example) in [
        ("seed-client-credentials", "entra-client-credentials"),
        ("seed-b2c", "b2c"),
        ("seed-external-id", "external-id"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../filter-config/{example}.json"));
        let example: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let made: serde_json::Value = serde_json::from_str(&read(&format!("{document}.json"))).unwrap();
        assert_eq!(made, example, "{document}");
    }
}

/// The first fenced block of `language` in the document about all this.
fn shown(language: &str) -> String {
    let text = fs::read_to_string(folder().join("../../../docs/convert.md")).unwrap();
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
    rest.split("```").next().unwrap().to_owned()
}

#[test]
fn the_document_shows_what_comes_out() {
    let mut options = ConvertOptions::default();
    options.named_values.add("tenant-id", "contoso.com");
    options.clusters.insert("login.microsoftonline.com".into(), "entra".into());
    let Conversion { json, report } = convert("policy.xml", shown("xml").as_bytes(), &options);
    assert_eq!(json, Some(shown("json")));
    assert_eq!(report, shown("text"));
}

fn options() -> ConvertOptions {
    ConvertOptions { default_cluster: Some("any".into()), ..ConvertOptions::default() }
}

fn converted(document: &str) -> Conversion {
    convert("p.xml", document.as_bytes(), &options())
}

/// The only line of a report about a document that is not converted.
fn problem(document: &[u8]) -> String {
    let Conversion { json, report } = convert("p.xml", document, &options());
    assert_eq!(json, None, "{report}");
    assert_eq!(report.lines().count(), 1, "{report}");
    report.trim_end().to_owned()
}

const POLICY: &str = r#"<validate-jwt header-name="Authorization"><openid-config url="https://idp.example.com/a"/><audiences><audience>a</audience></audiences></validate-jwt>"#;

#[test]
fn byte_order_marks_line_ends_and_declarations_change_nothing() {
    let plain = converted(POLICY).json.unwrap();
    for document in [
        format!("\u{feff}{POLICY}"),
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n{POLICY}\r\n"),
        format!("\u{feff}<?xml version=\"1.0\"?><policies>\r\n<inbound>{POLICY}</inbound></policies>"),
        format!("<!-- a --><?b c?>{POLICY}<!-- d -->"),
        POLICY.replace(' ', "\r\n\t").replace('"', "'"),
    ] {
        let Conversion { json, report } = converted(&document);
        assert_eq!(json.as_ref(), Some(&plain), "{document}\n{report}");
        assert_eq!(report, "", "{document}");
    }
}

#[test]
fn several_documents_are_read_as_one() {
    let document =
        |policy: &str| format!("<policies><inbound><base/>{policy}</inbound><outbound/></policies>\n");
    let second = POLICY.replace("idp.example.com/a", "idp.example.com/b");
    let both = converted(&(document(POLICY) + "<fragment>" + &second + "</fragment>")).json.unwrap();
    assert_eq!(converted(&document(&format!("{POLICY}{second}"))).json.as_ref(), Some(&both));
    assert!(both.contains(r#""all-of""#), "{both}");
    let declared = |text: String| format!("\u{feff}<?xml version=\"1.0\" encoding=\"ütf-8\"?>\r\n{text}\r\n");
    let declared = declared(document(POLICY)) + &declared(second);
    let conversion = converted(&declared);
    assert_eq!(conversion.json.as_ref(), Some(&both), "{}", conversion.report);
    assert_eq!(conversion.report.lines().count(), 1, "{}", conversion.report);
    let place = converted(&declared.replace("com/b", "com/ b")).report;
    assert!(place.contains("p.xml:5:63: error: "), "{place}");
}

#[test]
fn places_are_those_of_the_document() {
    let bad = POLICY.replace("url=\"https://idp.example.com/a\"", "url=\"ftp://ü\"");
    for (document, place) in [
        (bad.clone(), "p.xml:1:63: error: "),
        (format!("\u{feff}{bad}"), "p.xml:1:63: error: "),
        (format!("<?xml version=\"1.0\"?>\n<a b=\"@(\"é\" + '<')\"/>{bad}"), "p.xml:2:84: error: "),
        (format!("<a>@{{ \"\n&&<\";\r\n}}</a>\n\n {bad}"), "p.xml:1:7: error: "),
        (format!("<a>@{{ // <\n&&<;\r\n}}</a>\n\n {bad}"), "p.xml:5:64: error: "),
    ] {
        let report = converted(&document).report;
        assert!(report.lines().any(|line| line.starts_with(place)), "{document}\n{report}");
    }
}

#[test]
fn what_is_no_document_is_told() {
    for (document, told) in [
        (b"".as_slice(), "p.xml: error: has no element; a policy document of API Management is expected"),
        (b"{}", "p.xml:1:1: error: is no XML: unknown token"),
        (b"<a>", "p.xml:1:4: error: the document ends before its elements do; close them"),
        (
            b"<a></b>",
            "p.xml:1:4: error: ends `<b>` where `<a>` is open; close `<a>` before, or, if it is a placeholder, put in what it stands for",
        ),
        (b"<a>&b;</a>", "p.xml:1:4: error: is no XML: unknown entity reference 'b'"),
        (b"<a b='1' b='2'/>", "p.xml:1:10: error: is no XML: attribute 'b' is already defined"),
        (b"\xff\xfe<\0a\0/\0>\0", "p.xml: error: is UTF-16; save it as UTF-8"),
        (b"<a>\n\xff</a>", "p.xml: error: is not UTF-8 in line 2; save it as UTF-8"),
        (
            b"<a b='c'>@(d</a>",
            "p.xml:1:10: error: a policy expression starts here whose bracket is never closed; API Management would not take it either",
        ),
        (b"<a>\x01</a>", "p.xml:1:4: error: is no XML: a non-XML character '\\u{1}' found"),
    ] {
        assert_eq!(problem(document), told, "{}", String::from_utf8_lossy(document));
    }
}

fn numbered(count: u32, text: impl Fn(u32) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

/// Each of these is answered at once, whatever its size.
#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
fn documents_that_nobody_writes_are_refused_at_once() {
    let many = |text: &str| text.repeat(1_000_000 / text.len());
    let started = Instant::now();
    for (document, told) in [
        (" ".repeat(1_048_577), "longer than 1048576 bytes"),
        (many("<a>"), "has more than 128 elements around it"),
        (format!("<a {}/>", numbered(80_000, |n| format!("a{n}='' "))), "has more than 128 attributes"),
        (format!("<a>{}</a>", "<b xmlns:c='d'/>".repeat(60_000)), "has more than 64 declarations"),
        (format!("<a>{}</a>", "<b/>".repeat(200_000)), "has more than 65536 elements"),
        (many("@("), "is never closed"),
        (format!("<a>@({}", many("$\"{")), "nest too deep"),
        (format!("<a b='@{{{}", many("{\"")), "is never closed"),
        (format!("<a>@({}", many("/*")), "has no end"),
        (many("<!--"), "is no XML"),
        (many("<![CDATA["), "is no XML"),
        (many("<"), "is no XML"),
        (format!("<a {}", many("'\"")), "is no XML"),
        (format!("<!DOCTYPE a [{}]><a>&b;</a>", "<!ENTITY b '&b;&b;'>".repeat(1000)), "document type"),
    ] {
        let told_of = problem(document.as_bytes());
        assert!(told_of.contains(told), "{told}: {told_of}");
    }
    for document in [
        format!("<a>{}</a>", "<b c='@(1)'/>".repeat(40_000)),
        format!("<a>{}</a>", "<b>@(1)</b>".repeat(20_000)),
        format!("<a>{}{POLICY}</a>", "x&amp;".repeat(150_000)),
        POLICY.repeat(5_000),
        format!("<policies>{}</policies>", numbered(20_000, |n| format!("<a{n}/>"))),
        POLICY.replace("Authorization", &"a".repeat(900_000)),
        POLICY.replace(" header-name", &format!(" {}", "a".repeat(900_000))),
        POLICY.replace("=\"https", &format!("{}=\"https", " ".repeat(900_000))),
    ] {
        let Conversion { report, .. } = converted(&document);
        assert!(report.lines().count() <= 101, "{report}");
    }
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
}

/// Whatever is cut off or put in, there is an answer.
#[test]
fn damaged_documents_do_no_harm() {
    let documents = ["raw-expressions", "every-attribute", "unknown-words", "several"]
        .map(|name| read(&format!("{name}.xml")));
    for document in documents {
        let ends: Vec<_> = document.char_indices().map(|(index, _)| index).step_by(3).collect();
        for end in ends {
            let (before, after) = document.split_at(end);
            let _ = converted(before);
            for inserted in ["<", "\"", "@(", "&", "}", "/>"] {
                let _ = converted(&format!("{before}{inserted}{after}"));
            }
        }
    }
}

#[test]
fn secrets_stand_in_the_configuration_alone() {
    let secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I";
    for text in [
        secret.to_owned(),
        format!("@(\"{secret}\")"),
        format!("@(context.Variables[\"{secret}\"])"),
        "{{k}}".into(),
    ] {
        let document = format!(
            "<validate-jwt header-name=\"a\"><issuer-signing-keys><key>{text}</key></issuer-signing-keys></validate-jwt>"
        );
        let mut options = options();
        options.named_values.add("k", secret);
        let conversion = convert("p.xml", document.as_bytes(), &options);
        assert!(!conversion.report.contains(secret), "{}", conversion.report);
        assert!(!format!("{conversion:?}{options:?}").contains(secret));
        assert_eq!(conversion.json.is_some(), !text.contains("Variables"), "{text}: {}", conversion.report);
    }
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn standard_input_is_read_and_files_are_told() {
    let output = run(&["-", "--default-cluster", "any"], POLICY);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert_eq!(Some(text(&output.stdout)), converted(POLICY).json);
    let output = run(&["-"], "<a></b>");
    assert!(text(&output.stderr).starts_with("<stdin>:1:"), "{}", text(&output.stderr));
    let cases = BTreeMap::from([
        (["none.xml", "--host=a"], "validate-jwt: none.xml: "),
        (["seed-b2c.xml", "--named-values=none.env"], "validate-jwt: none.env: "),
        (["seed-b2c.xml", "--named-values=seed-b2c.json"], "validate-jwt: seed-b2c.json: line "),
        (["seed-b2c.xml", "--certificate=a=none.pem"], "validate-jwt: none.pem: "),
    ]);
    for (arguments, told) in cases {
        let output = run(&arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).starts_with(told), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
    }
    for arguments in
        [vec!["seed-b2c.xml", "--cluster=a"], vec!["seed-b2c.xml", "--named-value==secret"], vec![]]
    {
        let output = run(&arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn help_has_examples() {
    let help = text(&run(&["--help"], "").stdout);
    for part in [
        "Examples:",
        "validate-jwt convert policy.xml > filter.json",
        "--named-values <FILE>",
        "Exit status:",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
}
